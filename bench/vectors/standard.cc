/* SPDX-License-Identifier: MIT */
/*
 * standard.cc: the workloads append and stack of work.c with std::vector.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

static std::uint64_t number(int count, char **arguments, const char *name, std::uint64_t otherwise)
{
	std::size_t length = std::strlen(name);

	for (int i = 2; i < count; i++)
		if (!std::strncmp(arguments[i], name, length) && arguments[i][length] == '=')
			return std::strtoull(arguments[i] + length + 1, nullptr, 10);
	return otherwise;
}

template <typename element> static void append(std::uint64_t elements)
{
	std::vector<element> vector;

	for (std::uint64_t i = 0; i < elements; i++)
		vector.push_back(static_cast<element>(i));
	__asm__ volatile("" : : "r"(vector.data()) : "memory");
}

static std::uint64_t stack(std::uint64_t rounds)
{
	std::vector<std::uint64_t> vector;
	std::uint64_t sum = 0;

	for (std::uint64_t i = 0; i < rounds; i++) {
		std::uint64_t depth = i % 64;

		for (std::uint64_t k = 0; k <= depth; k++)
			vector.push_back(i + k);
		for (std::uint64_t k = 0; k < depth; k++) {
			std::uint64_t a = vector.back();

			vector.pop_back();
			a ^= vector.back();
			vector.pop_back();
			vector.push_back(a);
		}
		sum += vector.back();
		vector.pop_back();
	}
	return sum;
}

int main(int count, char **arguments)
{
	std::uint64_t share = number(count, arguments, "share", 1);

	if (count < 2)
		return 1;
	if (!std::strcmp(arguments[1], "append")) {
		std::uint64_t elements = number(count, arguments, "elements", 100000000) / share;

		if (number(count, arguments, "size", 8) == 8)
			append<std::uint64_t>(elements);
		else
			append<char>(elements);
	} else {
		std::uint64_t sum = stack(number(count, arguments, "rounds", 1000000) / share);

		__asm__ volatile("" : : "r"(&sum) : "memory");
	}
	return 0;
}
