-- SPDX-License-Identifier: MIT
-- strings.lua: tables, strings, closures and coroutines; what it prints is always
-- the same.
local seed = 42
local function random(n)
	seed = (seed * 1103515245 + 12345) % 2147483648
	return seed // 65536 % n
end

local words = {}
for i = 1, 60000 do
	words[i] = string.rep(string.char(97 + random(26)), 1 + random(60)) .. i
end
table.sort(words)
local joined = table.concat(words, " ")
print("joined", #joined, words[1], words[#words])

local counts = {}
for word in joined:gmatch("%a+") do
	counts[#word] = (counts[#word] or 0) + 1
end
print("counts", #counts, counts[1], counts[60])
print("replaced", select(2, joined:gsub("a+", string.upper)))

local makers = {}
for i = 1, 2000 do
	makers[i] = coroutine.wrap(function()
		local parts = {}
		for part = 1, 20 do
			parts[part] = { part, tostring(i * part) }
			coroutine.yield(parts[part][2])
		end
	end)
end
local length = 0
for _ = 1, 20 do
	for i = 1, #makers do
		length = length + #makers[i]()
	end
end
print("coroutines", length)

local errors = 0
for i = 1, 5000 do
	local ok, message = pcall(error, { text = string.rep("e", i % 100) })
	if not ok then
		errors = errors + #message.text
	end
end
print("errors", errors)
makers, words, counts = nil, nil, nil
collectgarbage()
print("large", #string.rep("x", 50 * 1024 * 1024))
