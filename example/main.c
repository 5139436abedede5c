/* SPDX-License-Identifier: MIT */
/*
 * main.c: smile, a small Scheme on libsmal: the command line.
 *
 * Programs run on a thread of their own, whose stack has the size that was
 * asked for; the collector finds the bounds of any thread's stack by itself.
 */
#include "vm.h"

#include <getopt.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"Usage: smile [OPTION]... [FILE [ARGUMENT]...]\n"
	"Runs a Scheme program on a heap of libsmal; without one, reads from\n"
	"standard input, evaluates and prints.\n"
	"\n"
	"  -e, --expression=EXPR   evaluate EXPR (before FILE, if there is one)\n"
	"      --limit=BYTES       let objects take at most BYTES of heap\n"
	"      --heap=BYTES        collect when the heap has this size (default 16M)\n"
	"      --pace=PACE         when to collect: growth[:PERCENT], fixed[:BYTES],\n"
	"                          or off\n"
	"      --stack=BYTES       size of the stack (default 64M)\n"
	"      --torture=N         collect at every Nth allocation\n"
	"      --stats             print statistics to standard error at the end\n"
	"      --timeline=FILE     write \"NANOSECONDS BYTES\" of heap to FILE for\n"
	"                          each collection\n"
	"  -h, --help              print this and exit\n"
	"  -V, --version           print the version and exit\n"
	"\n"
	"BYTES may end in K, M or G.\n";

static const struct option long_options[] = {
	{ "expression", required_argument, NULL, 'e' },
	{ "limit", required_argument, NULL, 'l' },
	{ "heap", required_argument, NULL, 'm' },
	{ "pace", required_argument, NULL, 'p' },
	{ "stack", required_argument, NULL, 's' },
	{ "torture", required_argument, NULL, 't' },
	{ "stats", no_argument, NULL, 'S' },
	{ "timeline", required_argument, NULL, 'T' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

_Noreturn static void bad_argument(const char *option, const char *argument)
{
	fprintf(stderr, "smile: --%s: bad argument: %s\n", option, argument);
	exit(2);
}

static size_t parse_bytes(const char *option, const char *text, size_t least)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);
	const char *unit = strchr("kKmMgG", *end);
	unsigned shift = *end == '\0' || unit == NULL ? 0 : strchr("gG", *end) ? 30 :
	                 strchr("mM", *end) ? 20 : 10;

	if (end == text || *text == '-' || unit == NULL || (*end != '\0' && end[1] != '\0') ||
	    number > SIZE_MAX >> shift || (size_t)number << shift < least)
		bad_argument(option, text);
	return (size_t)number << shift;
}

static void parse_pace(struct heap_options *heap, const char *text)
{
	static const char *const names[] = { "growth", "fixed", "off" };
	size_t length = strcspn(text, ":"), pace = 0;

	while (pace < 3 && (strlen(names[pace]) != length || strncmp(text, names[pace], length) != 0))
		pace++;
	if (pace == 3 || (pace == 2 && text[length] == ':'))
		bad_argument("pace", text);
	heap->pace = pace == 0 ? SMAL_PACE_GROWTH : pace == 1 ? SMAL_PACE_FIXED : SMAL_PACE_OFF;
	if (text[length] == ':' && pace == 0)
		heap->pace_percent = (unsigned)parse_bytes("pace", text + length + 1, 0);
	else if (text[length] == ':')
		heap->heap_bytes = parse_bytes("pace", text + length + 1, 0);
}

static void parse_option(struct machine_options *options, int option)
{
	switch (option) {
	case 'e':
		options->expression = optarg;
		break;
	case 'l':
		options->heap.limit_bytes = parse_bytes("limit", optarg, 0);
		break;
	case 'm':
		options->heap.heap_bytes = parse_bytes("heap", optarg, 0);
		break;
	case 'p':
		parse_pace(&options->heap, optarg);
		break;
	case 's':
		options->stack_bytes = parse_bytes("stack", optarg, 512 * 1024);
		break;
	case 't':
		options->heap.torture = (unsigned)parse_bytes("torture", optarg, 0);
		break;
	case 'S':
		options->stats = 1;
		break;
	case 'T':
		options->timeline = optarg;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	case 'V':
		printf("smile on libsmal %s\n", smal_version());
		exit(0);
	default:
		fputs("Try smile --help.\n", stderr);
		exit(2);
	}
}

/** What the thread does. It ends the process. */
static void *run(void *argument)
{
	const struct machine_options *options = argument;
	int status = 0;

	machine_start(options);
	if (options->expression == NULL && options->file == NULL)
		repl_run();
	if (options->expression != NULL)
		status = machine_run(options->expression, NULL);
	if (options->file != NULL && status == 0)
		status = machine_run(NULL, options->file);
	machine_end(status);
}

int main(int argc, char **argv)
{
	struct machine_options options = { .stack_bytes = 64 << 20, .heap.heap_bytes = 16 << 20 };
	pthread_attr_t attributes;
	pthread_t thread;
	int option, error;

	while ((option = getopt_long(argc, argv, "+e:hV", long_options, NULL)) != -1)
		parse_option(&options, option);
	options.arguments = argv + optind;
	options.file = argv[optind];
	pthread_attr_init(&attributes);
	error = pthread_attr_setstacksize(&attributes, options.stack_bytes);
	if (error == 0)
		error = pthread_create(&thread, &attributes, run, &options);
	if (error == 0)
		error = pthread_join(thread, NULL);
	fprintf(stderr, "smile: can't start a thread: %s\n", strerror(error));
	return 2;
}
