# SPDX-License-Identifier: MIT
# objects.rb: objects, strings and hashes. usage: objects.rb ROUNDS
#
# Writes a checksum.

$state = 1

def random(limit)
  $state = ($state * 1103515245 + 12345) % 2147483648
  ($state >> 16) % limit
end

class Account
  attr_reader :owner, :entries

  def initialize(owner)
    @owner = owner
    @entries = []
  end

  def add(amount)
    @entries << { amount: amount, text: "amount #{amount} for the account of #{@owner}" }
  end

  def sum
    @entries.sum { |entry| entry[:amount] }
  end
end

def books(count)
  accounts = {}
  count.times do
    name = "owner number #{random(500)} of the house"
    (accounts[name] ||= Account.new(name)).add(random(1000))
  end
  accounts.values.sort_by { |account| [account.sum, account.owner] }.first.sum
end

def texts(count)
  lines = Array.new(count) { |i| ('a'..'z').to_a.rotate(random(26)).join * (1 + i % 20) }
  joined = lines.join("\n")
  joined.gsub(/xyz/, 'a longer piece').split("\n").map(&:reverse).uniq.size + joined.size
end

checksum = 0
ARGV[0].to_i.times do
  checksum = (checksum * 31 + books(5000) + texts(1000)) % 1_000_000_007
end
puts checksum
