# SPDX-License-Identifier: MIT
# fixpoint.nix: a package set that is the fixpoint of many overlays, each of which
# refers to what those before it and those after it have made; big attribute sets.
{ size }:
let
  n = if size == "bench" then 3000 else 500;
  names = builtins.genList (i: "package${toString i}") n;

  # Each package needs three others with smaller numbers, as the last overlay has them.
  base = self: builtins.listToAttrs (builtins.genList
    (i: {
      name = "package${toString i}";
      value = {
        inherit i;
        version = "1.${toString (i / 10)}.${toString i}";
        needs = map (k: "package${toString k}")
          (builtins.filter (k: k >= 0) [ (i - 1) (i - 7) (i / 2 - 1) ]);
        weight = 1 + builtins.foldl' (sum: name: modulo (sum + self.${name}.weight) 1000003) 0
          self."package${toString i}".needs;
      };
    })
    n);
  modulo = a: b: a - b * (a / b);

  # Overlay k changes every package whose number k divides.
  overlay = k: self: super: builtins.mapAttrs
    (name: package:
      if modulo package.i k == 0
      then package // {
        version = "${package.version}+${toString k}";
        patches = (package.patches or [ ]) ++ [ { number = k; of = self."package0".version; } ];
      }
      else package)
    super;
  extends = overlay: f: self: let super = f self; in super // overlay self super;
  fix = f: let x = f x; in x;
  packages = fix (builtins.foldl' (f: k: extends (overlay k) f) base
    (builtins.genList (k: k + 1) (if size == "bench" then 100 else 40)));

  # What a package is built from, by way of strings.
  closure = name: builtins.genericClosure {
    startSet = [ { key = name; } ];
    operator = item: map (key: { inherit key; }) packages.${item.key}.needs;
  };

  sets = builtins.foldl'
    (set: i: set // { "attribute${toString (modulo (i * 7919) (10 * n))}" = { inherit i; last = i; }; })
    { }
    (builtins.genList (i: i) (4 * n));
in
{
  versions = builtins.hashString "sha256"
    (builtins.concatStringsSep " " (map (name: packages.${name}.version) names));
  last = packages."package${toString (n - 1)}".version;
  weights = map (i: packages."package${toString i}".weight) [ 1 10 20 30 50 (n - 1) ];
  patches = builtins.foldl'
    (sum: name: sum + builtins.foldl' (a: p: a + p.number * builtins.stringLength p.of) 0
      packages.${name}.patches)
    0
    names;
  closures = map (i: builtins.length (closure "package${toString i}")) [ 1 10 30 (n - 1) ];
  sets = {
    count = builtins.length (builtins.attrNames sets);
    sum = builtins.foldl' (sum: name: sum + sets.${name}.i - sets.${name}.last / 2) 0
      (builtins.attrNames sets);
    intersection = builtins.length (builtins.attrNames
      (builtins.intersectAttrs sets (builtins.mapAttrs (name: value: value.i) sets)));
    removed = builtins.length (builtins.attrNames
      (builtins.removeAttrs sets (map (i: "attribute${toString i}") (builtins.genList (i: 2 * i) n))));
  };
}
