# SPDX-License-Identifier: MIT
# fibers.cr: fibers that talk, weak references, finalizers, trees, hashes, strings, big
# numbers, exceptions. Argument: rounds.

require "big"
require "weak_ref"
require "json"

class Counted
  class_property dead = 0

  def initialize(@value : Int32)
  end

  getter value

  def finalize
    Counted.dead += 1
  end
end

class Tree
  getter left : Tree?, right : Tree?

  def initialize(depth : Int32)
    if depth > 0
      @left = Tree.new(depth - 1)
      @right = Tree.new(depth - 1)
    end
  end

  def nodes : Int32
    1 + (@left.try(&.nodes) || 0) + (@right.try(&.nodes) || 0)
  end
end

# Every fiber has a stack of its own, which alone holds its list.
def pipeline(width : Int32, count : Int32) : Int64
  source = Channel(Array(String)).new
  sink = Channel(Int64).new
  width.times do |n|
    spawn do
      own = Array.new(100) { |i| (i * n).to_s }
      count.times do
        texts = source.receive
        Fiber.yield
        sink.send(texts.sum(0_i64, &.size) + own.sum(0_i64, &.to_i))
      end
    end
  end
  spawn do
    (width * count).times { |i| source.send(Array.new(50) { |k| "text #{i} #{k}" }) }
  end
  sum = 0_i64
  (width * count).times { sum += sink.receive }
  sum
end

# What the list holds is there still; of the rest nearly all goes, and is counted.
def weak(count : Int32) : {Int32, Bool}
  kept = [] of Counted
  refs = Array.new(count) do |i|
    object = Counted.new(i)
    kept << object if i % 10 == 0
    WeakRef.new(object)
  end
  5.times { GC.collect }
  sum = kept.each_with_index.sum do |object, i|
    refs[10 * i].value == object ? object.value % 7 : -1
  end
  {sum, Counted.dead > count // 2 && refs.count(&.value.nil?) > count // 2}
end

def words(count : Int32) : Int64
  table = Hash(String, Array(Int32)).new { |hash, key| hash[key] = [] of Int32 }
  count.times { |i| table["word #{i % 997 * 7919 % 997}"] << i }
  table.sum(0_i64) { |word, list| list.sum(0_i64) % 10007 * word.size }
end

def caught(count : Int32) : Int32
  (0...count).count do |i|
    begin
      raise ArgumentError.new("number #{i}") if i % 3 == 0
      false
    rescue error : ArgumentError
      error.message == "number #{i}"
    end
  end
end

def json(count : Int32) : Int32
  text = JSON.build do |json|
    json.array do
      count.times do |i|
        json.object { json.field "id", i; json.field "name", "n#{i}" }
      end
    end
  end
  JSON.parse(text).as_a.sum { |item| item["id"].as_i + item["name"].as_s.size }
end

rounds = ARGV[0].to_i
keep = Tree.new(14)
puts "pipeline #{pipeline(20, 20 * rounds)}"
puts "trees #{(1..10 * rounds).sum { Tree.new(14).nodes }}"
puts "weak #{weak(10000)}"
puts "words #{words(50000 * rounds)}"
puts "caught #{caught(200 * rounds)}"
puts "json #{json(2000 * rounds)}"
puts "big #{(1..400).reduce(BigInt.new(1)) { |product, i| product * i }.to_s.chars.sum(&.to_i)}"
puts "kept #{keep.nodes}"
