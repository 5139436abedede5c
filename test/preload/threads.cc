// SPDX-License-Identifier: MIT
//
// threads.cc: a C++ program of several threads: containers, strings and exceptions
// that are made by one thread and end in another, thread_local objects, aligned and
// failing operator new. What it prints depends on no order of threads.
#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

constexpr int workers = 4;

// ---- Work that goes from thread to thread ----

struct message {
	int number;
	std::string text;
	std::vector<int> numbers;
	std::exception_ptr error;
};

class queue {
public:
	void push(std::unique_ptr<message> item)
	{
		std::lock_guard<std::mutex> hold(mutex_);
		items_.push_back(std::move(item));
		ready_.notify_one();
	}

	std::unique_ptr<message> pop()
	{
		std::unique_lock<std::mutex> hold(mutex_);
		ready_.wait(hold, [this] { return !items_.empty(); });
		auto item = std::move(items_.front());
		items_.pop_front();
		return item;
	}

private:
	std::mutex mutex_;
	std::condition_variable ready_;
	std::deque<std::unique_ptr<message>> items_;
};

class refused : public std::runtime_error {
public:
	refused(int number, std::string why)
		: std::runtime_error("refused " + std::to_string(number) + " " + why), number_(number)
	{
	}
	int number() const { return number_; }

private:
	int number_;
};

// An object on each frame that is unwound.
struct frame {
	explicit frame(int depth) : text(100 + static_cast<size_t>(depth), 'f') {}
	std::string text;
};

int descend(int depth, int number)
{
	frame here(depth);

	if (depth == 0)
		throw refused(number, std::string(200, 'w'));
	return descend(depth - 1, number) + static_cast<int>(here.text.size());
}

// Takes messages and passes them on; every third one fails, and its exception goes
// with it.
void work(queue &in, queue &out)
{
	for (;;) {
		auto item = in.pop();
		if (item->number < 0)
			return;
		try {
			item->text += std::to_string(item->number * 2);
			item->numbers.resize(static_cast<size_t>(item->number % 500));
			std::iota(item->numbers.begin(), item->numbers.end(), item->number);
			if (item->number % 3 == 0)
				descend(item->number % 40, item->number);
		} catch (const refused &) {
			item->error = std::current_exception();
		}
		out.push(std::move(item));
	}
}

void pass_messages()
{
	constexpr int messages = 10000;
	queue in, out;
	std::vector<std::thread> threads;
	long sum = 0, failures = 0, length = 0;

	for (int i = 0; i < workers; i++)
		threads.emplace_back(work, std::ref(in), std::ref(out));
	for (int i = 0; i < messages; i++)
		in.push(std::unique_ptr<message>(new message{ i, std::string(static_cast<size_t>(i % 90), 'm'), {}, nullptr }));
	for (int i = 0; i < messages; i++) {
		auto item = out.pop();
		sum += std::accumulate(item->numbers.begin(), item->numbers.end(), 0L);
		length += static_cast<long>(item->text.size());
		try {
			if (item->error)
				std::rethrow_exception(item->error);
		} catch (const refused &error) {
			failures += error.number() == item->number &&
			            std::string(error.what()).size() > 200;
		}
	}
	for (int i = 0; i < workers; i++)
		in.push(std::unique_ptr<message>(new message{ -1, {}, {}, nullptr }));
	for (auto &thread : threads)
		thread.join();
	std::printf("messages: %ld, %ld, %ld failed\n", sum, length, failures);
}

// ---- thread_local ----

std::atomic<long> ended{ 0 };

struct local {
	std::map<int, std::string> words;
	std::shared_ptr<std::vector<int>> shared = std::make_shared<std::vector<int>>(1000, 1);
	~local()
	{
		// Allocates while the thread ends.
		std::vector<std::string> copies;
		for (const auto &word : words)
			copies.push_back(word.second + std::string(50, 'e'));
		ended += static_cast<long>(copies.size());
	}
};

thread_local local here;
thread_local std::string name = std::string(100, 'n');

void run_locals()
{
	for (int round = 0; round < 20; round++) {
		std::vector<std::thread> threads;
		for (int i = 0; i < workers; i++)
			threads.emplace_back([i] {
				for (int word = 0; word < 100 + i; word++)
					here.words[word * 7919 % 1009] = name + std::to_string(word);
			});
		for (auto &thread : threads)
			thread.join();
	}
	std::printf("thread_local: %ld\n", ended.load());
}

// ---- Tables that threads fill and others empty ----

void run_tables()
{
	std::vector<std::future<std::unordered_map<std::string, std::vector<int>>>> made;
	long sum = 0;

	for (int i = 0; i < workers; i++)
		made.push_back(std::async(std::launch::async, [i] {
			std::unordered_map<std::string, std::vector<int>> table;
			for (int key = 0; key < 5000; key++)
				table["key " + std::to_string(key * (i + 1) % 3001)].push_back(key);
			return table;
		}));
	for (auto &future : made) {
		auto table = future.get();
		for (auto &entry : table)
			sum += entry.second.back() + static_cast<long>(entry.first.size());
		// Another thread frees it.
		std::thread([gone = std::move(table)]() mutable { gone.clear(); }).join();
	}
	std::printf("tables: %ld\n", sum);
}

// ---- operator new ----

template <size_t align> struct alignas(align) aligned {
	std::array<unsigned char, align> bytes;
};

template <size_t align> bool is_aligned()
{
	std::vector<std::unique_ptr<aligned<align>>> items;
	bool good = true;

	for (int i = 0; i < 100; i++) {
		items.emplace_back(new aligned<align>);
		good &= reinterpret_cast<uintptr_t>(items.back().get()) % align == 0;
		items.back()->bytes.fill(static_cast<unsigned char>(i));
	}
	for (int i = 0; i < 100; i++)
		good &= items[static_cast<size_t>(i)]->bytes[align - 1] == i;
	return good;
}

void run_new()
{
	volatile size_t too_much = static_cast<size_t>(PTRDIFF_MAX) + 1;
	bool thrown = false;

	std::printf("aligned new: %d\n",
	            is_aligned<16>() && is_aligned<64>() && is_aligned<4096>() && is_aligned<65536>());
	try {
		::operator delete(::operator new(too_much));
	} catch (const std::bad_alloc &) {
		thrown = true;
	}
	std::printf("bad_alloc: %d\n", thrown);
	std::printf("nothrow: %d\n", ::operator new(too_much, std::nothrow) == nullptr);
}

} // namespace

int main()
{
	here.words[0] = "main";
	pass_messages();
	run_locals();
	run_tables();
	run_new();
	return 0;
}
