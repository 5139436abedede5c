# SPDX-License-Identifier: MIT
# data.nix: values to JSON and back, and to XML; lists that are sorted, partitioned,
# grouped and folded; strings that are joined, split and replaced; recursion.
{ size }:
let
  bench = size == "bench";
  n = if bench then 80000 else 8000;
  modulo = a: b: a - b * (a / b);
  range = from: to: if from > to then [ ] else builtins.genList (i: from + i) (to - from + 1);
  next = x: modulo (x * 1103 + 12345) 65536;
  random = builtins.genList (i: modulo (i * i * 31 + i * 17 + next (modulo i 65536)) 10007) n;
  sum = builtins.foldl' builtins.add 0;
  digest = builtins.foldl' (sum: x: modulo (sum * 31 + x) 1000003) 7;
  hash = builtins.hashString "md5";

  tree = depth: i:
    if depth == 0
    then { leaf = i; text = "leaf ${toString i} \"é\\\n"; real = i * 0.5; none = null; }
    else { children = map (k: tree (depth - 1) (3 * i + k)) [ 0 1 2 ]; depth = depth; yes = true; };
  add = t: if t ? leaf then t.leaf else t.depth + sum (map add t.children);
  json = builtins.toJSON (tree (if bench then 10 else 7) 1);
  again = builtins.fromJSON json;

  quick = list:
    if list == [ ] then [ ]
    else
      let
        pivot = builtins.head list;
        parts = builtins.partition (x: x < pivot) (builtins.tail list);
      in quick parts.right ++ [ pivot ] ++ quick parts.wrong;
  sorted = builtins.sort builtins.lessThan random;

  fibonacci = k: if k < 2 then k else fibonacci (k - 1) + fibonacci (k - 2);
  ackermann = m: k:
    if m == 0 then k + 1
    else if k == 0 then ackermann (m - 1) 1
    else ackermann (m - 1) (ackermann m (k - 1));
  deep = k: if k == 0 then 0 else 1 + deep (k - 1);
  even = k: if k == 0 then true else odd (k - 1);
  odd = k: if k == 0 then false else even (k - 1);
  primes = limit:
    let sieve = list: if list == [ ] then [ ] else
      let head = builtins.head list; in
      [ head ] ++ sieve (builtins.filter (x: modulo x head != 0) (builtins.tail list));
    in sieve (range 2 limit);

  words = map (i: "word${toString (modulo (i * i) 977)}") (range 1 n);
  text = builtins.concatStringsSep " " words;
  parts = builtins.filter builtins.isString (builtins.split "[ ]+w?" text);
  grouped = builtins.groupBy (x: toString (modulo x 100)) random;
in
{
  json = {
    length = builtins.stringLength json;
    hash = hash json;
    sum = add again;
    same = again == builtins.fromJSON (builtins.toJSON again);
    rounds = sum (map (i: builtins.stringLength (builtins.toJSON (builtins.fromJSON
      (builtins.toJSON (tree 4 i))))) (range 1 (n / 200)));
    xml = hash (builtins.toXML (tree 4 1));
  };
  lists = {
    sorted = digest sorted;
    quick = quick random == sorted;
    records = digest (map (r: r.i) (builtins.sort (a: b: a.x < b.x)
      (builtins.genList (i: { inherit i; x = builtins.elemAt random i; }) n)));
    groups = builtins.foldl' (s: name: modulo (s * 7 + digest grouped.${name}) 1000003) 0
      (builtins.attrNames grouped);
    pieces = sum (builtins.concatMap (x: [ x (2 * x) (builtins.length (range 1 (modulo x 20))) ]) random);
    appended = digest (builtins.foldl' (list: x: list ++ [ x ]) [ ] (range 1 (n / 40)));
    doubled = builtins.length (builtins.foldl' (list: i: list ++ list) [ 1 ] (range 1 14));
    all = builtins.all (x: x < 10007) random && builtins.any (x: x > 5000) random;
  };
  recursion = {
    fibonacci = fibonacci (if bench then 27 else 20);
    ackermann = ackermann 2 (if bench then 250 else 60);
    deep = deep 5000;
    even = even 5000;
    primes = digest (primes (n / 8));
  };
  strings = {
    length = builtins.stringLength text;
    hash = hash text;
    parts = [ (builtins.length parts) (sum (map builtins.stringLength parts)) ];
    replaced = hash (builtins.replaceStrings [ "word1" "7" " " ] [ "W" "seven" "\n" ] text);
    matches = sum (map (w: builtins.length (let m = builtins.match "w([a-z]+)([0-9]*)7" w; in
      if m == null then [ ] else m)) words);
    pieces = digest (builtins.genList (i: builtins.stringLength (builtins.substring (i * 5) (modulo i 90) text)) n);
    grown = hash (builtins.foldl' (s: w: s + builtins.substring 4 3 w) "" (builtins.genList (builtins.elemAt words) (n / 10)));
    sorted = hash (builtins.concatStringsSep "," (builtins.sort builtins.lessThan words));
    versions = builtins.foldl' (s: i: s + builtins.compareVersions "1.${toString i}.2" "1.${toString (modulo (i * 7) 50)}.1")
      0 (range 1 (n / 10));
  };
}
