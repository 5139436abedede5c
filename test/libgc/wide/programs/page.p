# SPDX-License-Identifier: MIT
# page.p: a page of Parser 3: tables, hashes, strings, methods, regular expressions.

@main[]
$rounds(^env:ROUNDS.int(1))
$sum(0)
^for[round](1;$rounds){
$table[^rows[200]]
$sum(($sum + ^total[$table]) % 1000003)
^if($round == $rounds){^show[$table]}
^if($round % 20 == 0){^memory:compact[]}
}
sum $sum
^words[]

@rows[count][i]
$result[^table::create{name	amount
^for[i](1;$count){row $i	^eval($i * $i % 97)}[
]}]

@total[table][all;hash]
$hash[^table.hash[name]]
$all(0)
^hash.foreach[name;fields]{$all($all + ^fields.amount.int(0) + ^name.length[])}
$result($all)

@show[table][sorted]
$sorted[^table::create[$table]]
^sorted.sort($sorted.amount)[desc]
^sorted.menu{^if(^sorted.line[] < 6){$sorted.name: $sorted.amount
}}

@words[][text;found]
$text[^for[i](1;300){word$i }]
$found[^text.match[\d+][g]]
^found.count[] numbers
^text.replace[^table::create[nameless]{word	w}].length
^text.match[word(\d)\d*][g]{<$match.1>}
