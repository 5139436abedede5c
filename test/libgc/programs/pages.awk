# SPDX-License-Identifier: MIT
# pages.awk: writes a page in HTML, that is always the same.
# -v kind=tables|forms|text|escapes|frames -v amount=N
function number(n) {
	seed = (seed * 1103 + 12345) % 65536
	return int(seed / 7) % n
}

function words(n,    text) {
	while (n-- > 0)
		text = text list[1 + number(count)] (n ? " " : "")
	return text
}

function marked(n,    kind) {
	kind = number(8)
	if (kind == 0)
		return "<b>" words(n) "</b>"
	if (kind == 1)
		return "<a href=\"page" number(1000) ".html\">" words(n) "</a>"
	if (kind == 2)
		return "<i>" words(n) "</i> &lt;" number(100) "&gt; &eacute;&#955;&#x20ac;"
	return words(n)
}

function table(depth, rows,    row, column) {
	print "<table border=" number(2) " width=" 50 + number(50) "%>"
	if (depth == 2)
		print "<caption>" words(3) "</caption>"
	for (row = 0; row < rows; row++) {
		print "<tr><th>" number(100)
		for (column = 0; column < 3; column++) {
			print "<td align=" (number(2) ? "left" : "right") \
				(number(9) ? "" : " colspan=2") (number(9) ? "" : " rowspan=2") ">"
			if (depth > 1 && column == row % 3)
				table(depth - 1, 2)
			else
				print marked(1 + number(7))
		}
		print "</tr>"
	}
	print "</table>"
}

function form(i,    n) {
	print "<form action=\"/do" i "\" method=" (i % 2 ? "get" : "post") "><fieldset>"
	print "<input type=hidden name=id value=" i ">" marked(4)
	for (n = 0; n < 4; n++) {
		print "<input type=text size=" 5 + number(20) " name=t" n " value=\"" words(2) "\">"
		print "<input type=checkbox name=c" n (number(2) ? " checked" : "") ">" words(1)
		print "<input type=radio name=r value=" n ">" words(1)
	}
	print "<select name=s" (number(2) ? " multiple" : "") ">"
	for (n = 0; n < 6; n++)
		print "<option" (n == i % 6 ? " selected" : "") ">" words(2)
	print "</select><textarea rows=3 cols=30>" words(12) "</textarea>"
	print "<input type=submit value=\"" words(1) "\"></fieldset></form>"
}

function text(i) {
	print "<h" 1 + i % 6 ">" words(4) "</h" 1 + i % 6 "><pre>"
	print "  " words(9) "\t&amp;&nbsp;&quot;" words(30) "\n\n\t<b>" words(3) "</b> &copy;&#8212;"
	print "</pre><blockquote><p>" marked(20) "<ul><li>" marked(6) "<li>" marked(5)
	print "<ol><li>" marked(9) "</ol></ul><dl><dt>" words(2) "<dd>" marked(30) "</dl>"
	print "<center>" marked(5) "</center><hr></blockquote><p>" marked(60) "<!-- " words(5) " -->"
}

function line(i,    n) {
	for (n = 0; n < 1 + i % 20; n++)
		printf "%s&#%d;&lt;&amp;&gt;%s\t&yuml;%s", words(1), 913 + number(25), words(2),
			number(5) ? "" : "<u>" words(1) "</u>"
	print number(3) ? "" : "\033[1m\014"
}

BEGIN {
	seed = 11
	count = split("a collector marks what is reached from the roots and sweeps the rest " \
		"of memory into lists that later allocations are served out of again", list, " ")
	print "<html><head><title>" kind "</title></head>"
	if (kind == "frames") {
		printf "<frameset cols=\"*"
		for (i = 1; i < amount; i++)
			printf ",*"
		print "\">"
		for (i = 0; i < amount; i++)
			print "<frame name=f" i " src=\"frame" i ".html\">"
		print "</frameset></html>"
		exit
	}
	print "<body>"
	if (kind == "escapes")
		print "<pre>"
	for (i = 0; i < amount; i++) {
		if (kind == "tables")
			table(1 + i % 3, 6)
		else if (kind == "forms")
			form(i)
		else if (kind == "text")
			text(i)
		else
			line(i)
	}
	print "</body></html>"
}
