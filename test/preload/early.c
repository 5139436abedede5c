/* SPDX-License-Identifier: MIT */
/*
 * early.c PLUGIN: a program that allocates when others do not: before main and
 * before its own constructors, in those of a library that it opens, in destructors
 * of thread-specific values in each of their rounds, in a signal's handler, when
 * the program ends.
 *
 * A line for each moment; every block is filled with a byte of its own and looked
 * at when it is freed, by a later moment than the one that allocated it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 2000, MOMENTS = 16, THREADS = 8 };

struct moment {
	const char *name;
	unsigned char *block[BLOCKS];
};

static struct moment moments[MOMENTS];
static int moment_count;

static size_t bytes_of(int i)
{
	return (size_t)(i % 7 == 0 ? i * 37 : i % 300);
}

/* Allocates; the blocks are a moment's. */
static void allocate(const char *name)
{
	int number = moment_count++;
	struct moment *moment = &moments[number];

	moment->name = name;
	for (int i = 0; i < BLOCKS; i++) {
		moment->block[i] = malloc(bytes_of(i));
		if (moment->block[i] == NULL)
			abort();
		memset(moment->block[i], number + 1, bytes_of(i));
	}
}

/* Looks at a moment's blocks, and frees all or every second of them. */
static void look(int number, int step)
{
	struct moment *moment = &moments[number];

	for (int i = 0; i < BLOCKS; i += step) {
		for (size_t at = 0; moment->block[i] != NULL && at < bytes_of(i); at++)
			if (moment->block[i][at] != number + 1)
				abort();
		free(moment->block[i]);
		moment->block[i] = NULL;
	}
}

static void say(const char *text)
{
	printf("%s: %d moments\n", text, moment_count);
}

/* ---- Before main ---- */

static void before_constructors(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	(void)environment;
	allocate("before constructors");
}

__attribute__((section(".preinit_array"), used)) static void (*const preinit)(int, char **, char **) =
	before_constructors;

__attribute__((constructor(101))) static void first_constructor(void)
{
	allocate("first constructor");
	look(0, 2);
}

__attribute__((constructor)) static void constructor(void)
{
	allocate("constructor");
	look(1, 2);
}

/* ---- Ends of threads ---- */

static pthread_key_t keys[3];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int rounds;

struct value {
	int round, key;
	char *text;
};

/* A value that comes again until there are no more rounds; each time it allocates,
 * and frees what the last round left. */
static void value_ends(void *pointer)
{
	struct value *value = pointer, *next;
	char expected[100];

	snprintf(expected, sizeof expected, "round %d of key %d", value->round, value->key);
	if (strcmp(expected, value->text) != 0)
		abort();
	free(value->text);
	pthread_mutex_lock(&lock);
	rounds++;
	pthread_mutex_unlock(&lock);
	if (value->round + 1 < PTHREAD_DESTRUCTOR_ITERATIONS) {
		next = malloc(sizeof *next);
		*next = (struct value){ value->round + 1, value->key, NULL };
		if (asprintf(&next->text, "round %d of key %d", next->round, next->key) < 0 ||
		    pthread_setspecific(keys[value->key], next) != 0)
			abort();
	}
	free(value);
}

static void *thread_body(void *argument)
{
	char **results = argument;

	for (int key = 0; key < 3; key++) {
		struct value *value = malloc(sizeof *value);

		*value = (struct value){ 0, key, strdup("round 0 of key 0") };
		value->text[strlen(value->text) - 1] = (char)('0' + key);
		pthread_setspecific(keys[key], value);
	}
	for (int i = 0; i < BLOCKS; i++)
		if (asprintf(&results[i], "block %d", i) < 0)
			abort();
	return results;
}

static void run_threads(void)
{
	pthread_t threads[THREADS];
	char expected[100];
	void *results;

	for (int key = 0; key < 3; key++)
		if (pthread_key_create(&keys[key], value_ends) != 0)
			abort();
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_body, calloc(BLOCKS, sizeof(char *))) != 0)
			abort();
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &results);
		for (int block = 0; block < BLOCKS; block++) {
			snprintf(expected, sizeof expected, "block %d", block);
			if (strcmp(((char **)results)[block], expected) != 0)
				abort();
			free(((char **)results)[block]);
		}
		free(results);
	}
	printf("ends of threads: %d calls\n", rounds);
}

/* ---- A signal ---- */

static void on_signal(int number)
{
	(void)number;
	allocate("signal");
	look(moment_count - 2, 2);
}

/* Nothing of malloc is interrupted: the program sends the signal itself. */
static void run_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	size_t bytes = 256 << 10;
	stack_t stack = { .ss_sp = malloc(bytes), .ss_size = bytes };

	if (stack.ss_sp == NULL || sigaction(SIGUSR1, &action, NULL) != 0 || raise(SIGUSR1) != 0)
		abort();
	say("signal");
	action.sa_flags = SA_ONSTACK;
	if (sigaltstack(&stack, NULL) != 0 || sigaction(SIGUSR1, &action, NULL) != 0 ||
	    raise(SIGUSR1) != 0)
		abort();
	say("signal on a stack of its own");
	stack.ss_flags = SS_DISABLE;
	sigaltstack(&stack, NULL);
	free(stack.ss_sp);
}

/* ---- A library that is opened ---- */

/* Calls what the plugin has; the block it returns is freed after it is gone. */
static void run_plugin(const char *path)
{
	void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	char *(*name)(void);
	char *text;

	if (plugin == NULL) {
		printf("%s\n", dlerror());
		exit(2);
	}
	*(void **)&name = dlsym(plugin, "plugin_name");
	text = name();
	dlclose(plugin);
	printf("plugin: %s\n", text);
	free(text);
}

/* ---- After main ---- */

static void at_exit(void)
{
	allocate("at exit");
	look(2, 1);
	say("at exit");
}

__attribute__((destructor)) static void destructor(void)
{
	allocate("destructor");
	for (int i = 0; i < moment_count; i++)
		look(i, 1);
	say("destructor");
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	allocate("main");
	say("main");
	for (int i = 0; i < 3; i++)
		if (atexit(at_exit) != 0)
			abort();
	run_signals();
	run_threads();
	for (int i = 0; i < 3; i++)
		run_plugin(argv[1]);
	return 0;
}
