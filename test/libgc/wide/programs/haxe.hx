/* SPDX-License-Identifier: MIT */
/* haxe.hx: lists, maps, closures, exceptions, strings and classes in Haxe, for Neko.
   Argument: rounds. */
class Tree {
	public var left:Tree;
	public var right:Tree;

	public function new(depth:Int) {
		if (depth > 0) {
			left = new Tree(depth - 1);
			right = new Tree(depth - 1);
		}
	}

	public function nodes():Int {
		return 1 + (left == null ? 0 : left.nodes()) + (right == null ? 0 : right.nodes());
	}
}

class Main {
	static function words(count:Int):Int {
		var table = new Map<String, Array<Int>>();
		for (i in 0...count) {
			var word = "word " + (i * 79 % 499);
			if (!table.exists(word))
				table.set(word, []);
			table.get(word).push(i);
		}
		var all = 0;
		for (word in table.keys())
			for (number in table.get(word))
				all = (all + number * word.length) % 1000003;
		return all;
	}

	static function closures(count:Int):Int {
		var list = [for (i in 0...count) function(x:Int) return (x * 31 + i) % 1000003];
		return Lambda.fold(list, function(f, x) return f(x), 1);
	}

	static function caught(count:Int):Int {
		var all = 0;
		for (i in 0...count)
			try {
				if (i % 3 == 0)
					throw "number " + i;
			} catch (text:String)
				all += text.length;
		return all;
	}

	static function text(count:Int):Int {
		var buffer = new StringBuf();
		for (i in 0...count)
			buffer.add(StringTools.hex(i * i % 65536, 4));
		return buffer.toString().split("A").length;
	}

	static function main() {
		var rounds = Std.parseInt(Sys.args()[0]);
		var kept = new Tree(12);
		var nodes = 0;
		for (round in 0...rounds)
			nodes += new Tree(14).nodes();
		Sys.println("nodes " + nodes);
		Sys.println("words " + words(5000 * rounds));
		Sys.println("closures " + closures(5000 * rounds));
		Sys.println("caught " + caught(2000 * rounds));
		Sys.println("text " + text(5000 * rounds));
		Sys.println("serial " + haxe.Serializer.run([for (i in 0...3000) {id: i, name: "n" + i}]).length);
		Sys.println("kept " + kept.nodes());
	}
}
