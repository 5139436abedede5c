-- SPDX-License-Identifier: MIT
-- tables.lua: tables and strings. usage: tables.lua ROUNDS
--
-- Counts words of a made-up text, builds and sorts records, joins strings, and
-- makes closures; writes a checksum.

local rounds = tonumber(arg[1]) or 10
local state = 1

local function random(limit)
	state = (state * 1103515245 + 12345) % 2147483648
	return state // 65536 % limit
end

local function word()
	local letters = {}
	for i = 1, 2 + random(7) do
		letters[i] = string.char(97 + random(26) // (1 + random(3)))
	end
	return table.concat(letters)
end

local function count_words(count)
	local text, counts, kinds = {}, {}, 0
	for i = 1, count do
		text[i] = word()
	end
	for w in table.concat(text, " "):gmatch("%a+") do
		if not counts[w] then
			kinds = kinds + 1
		end
		counts[w] = (counts[w] or 0) + 1
	end
	return kinds
end

local function sort_records(count)
	local records, sum = {}, 0
	for i = 1, count do
		records[i] = { id = i, key = random(32768), name = "record " .. i, parent = records[i // 2] }
	end
	table.sort(records, function(a, b)
		return a.key < b.key or a.key == b.key and a.id < b.id
	end)
	for i = 1, count, 100 do
		sum = sum + records[i].id + #records[i].name
	end
	return sum
end

local function closures(count)
	local all, sum = {}, 0
	for i = 1, count do
		local n = 0
		all[i] = function(by)
			n = n + by
			return n
		end
	end
	for i = 1, count do
		sum = sum + all[i](i) + all[i](1)
	end
	return sum
end

local checksum = 0
for _ = 1, rounds do
	checksum = (checksum * 31 + count_words(5000) + sort_records(5000) + closures(10000)) % 1000000007
end
print(checksum)
