/* SPDX-License-Identifier: MIT */
/*
 * run.c: runs a program with another malloc and says what the process cost.
 *
 * usage: malloc-run [-l LIBRARY] [-o FILE] [-f FILE] [-c CLIENT] [-t SECONDS] [-n]
 *                   PROGRAM ...
 *
 *   -l LIBRARY  is loaded before all others of the program, by LD_PRELOAD
 *   -o FILE     takes the program's and the client's standard output; else
 *               the program's stays as it is
 *   -f FILE     takes the figures, at its end; else standard output does
 *   -c CLIENT   a shell command that is started beside the program, without the
 *               library; the program has to end because of it
 *   -t SECONDS  after which all is killed (300)
 *   -n          no huge pages for the program
 *
 * Writes "NAME VALUE UNIT" lines: wall_s, cpu_s (user and system), peak_bytes (the
 * most that was resident in the program, or in the largest of the processes that
 * it waited for). The status is the program's; 1 if it or the client failed
 * otherwise, 124 if it was killed for its time.
 *
 * The peak of a process includes what it had before it became the program. So this
 * one stays tiny: it allocates nothing.
 */
#define _GNU_SOURCE

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STATUS_TIME = 124, STATUS_NO_PROGRAM = 127 };

static const char *library, *output, *figures, *client;
static unsigned seconds = 300;
static int no_huge;

/* The groups of both processes, for the signal handler; 0 while there is none. */
static volatile pid_t program_id, client_id;
static volatile sig_atomic_t out_of_time;

static void kill_all(void)
{
	if (program_id > 0)
		kill(-program_id, SIGKILL);
	if (client_id > 0)
		kill(-client_id, SIGKILL);
}

static void alarm_handle(int number)
{
	(void)number;
	out_of_time = 1;
	kill_all();
}

static double seconds_of(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	_exit(STATUS_NO_PROGRAM);
}

static void output_open(void)
{
	int out;

	if (!output)
		return;
	out = open(output, O_WRONLY | O_CREAT | O_APPEND, 0666);
	if (out < 0 || dup2(out, STDOUT_FILENO) < 0)
		die(output);
	close(out);
}

/* In the child: becomes the program. */
static void program_start(char **words)
{
	setpgid(0, 0);
	output_open();
	if (no_huge && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
		die("PR_SET_THP_DISABLE");
	if (library && setenv("LD_PRELOAD", library, 1))
		die("LD_PRELOAD");
	execvp(words[0], words);
	die(words[0]);
}

static pid_t client_start(void)
{
	pid_t id = fork();

	if (id != 0)
		return id;
	setpgid(0, 0);
	output_open();
	execl("/bin/sh", "sh", "-c", client, (char *)NULL);
	die("/bin/sh");
	return 0;
}

/* Waits, whatever signals come in between; the status as a shell has it. */
static int wait_for(pid_t id, struct rusage *usage)
{
	int status;

	while (wait4(id, &status, 0, usage) < 0)
		;
	if (WIFSIGNALED(status))
		return 128 + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static char **options(int count, char **words)
{
	int option;

	while ((option = getopt(count, words, "+l:o:f:c:t:n")) != -1)
		switch (option) {
		case 'l':
			library = optarg;
			break;
		case 'o':
			output = optarg;
			break;
		case 'f':
			figures = optarg;
			break;
		case 'c':
			client = optarg;
			break;
		case 't':
			seconds = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'n':
			no_huge = 1;
			break;
		default:
			exit(2);
		}
	if (optind >= count) {
		fprintf(stderr, "usage: malloc-run [-l LIBRARY] [-o FILE] [-f FILE] [-c CLIENT] "
		                "[-t SECONDS] [-n] PROGRAM ...\n");
		exit(2);
	}
	return words + optind;
}

static int figures_write(double wall_s, const struct rusage *usage)
{
	FILE *file = figures ? fopen(figures, "a") : stdout;

	if (!file) {
		perror(figures);
		return 1;
	}
	fprintf(file, "wall_s %.6f s\n", wall_s);
	fprintf(file, "cpu_s %.6f s\n", seconds_of(usage->ru_utime) + seconds_of(usage->ru_stime));
	fprintf(file, "peak_bytes %.0f bytes\n", (double)usage->ru_maxrss * 1024);
	return fclose(file) == 0 ? 0 : 1;
}

int main(int count, char **arguments)
{
	char **words = options(count, arguments);
	struct rusage usage, ignored;
	double begin_s = now_s(), wall_s;
	int status, client_status = 0;

	signal(SIGALRM, alarm_handle);
	program_id = fork();
	if (program_id == 0)
		program_start(words);
	if (client)
		client_id = client_start();
	if (program_id < 0 || client_id < 0)
		die("fork");
	alarm(seconds);
	status = wait_for(program_id, &usage);
	wall_s = now_s() - begin_s;
	if (client)
		client_status = wait_for(client_id, &ignored);
	alarm(0);
	if (out_of_time)
		return STATUS_TIME;
	if (status != 0 || client_status != 0)
		return status ? status : 1;
	return figures_write(wall_s, &usage);
}
