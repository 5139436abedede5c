/* SPDX-License-Identifier: MIT */
/*
 * barriers.c: in front of syscall() (barriers.h).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "test/barriers.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

volatile uint32_t barriers_error, barriers_until_registered;
volatile uint32_t barriers_asked, barriers_registrations;
volatile uint32_t barriers_holding, barriers_held_up;
__thread bool barriers_hold_me;
__thread volatile uint32_t *barriers_naps;

void barriers_nap(void)
{
	struct timespec little = { 0, 10000 };

	nanosleep(&little, NULL);
}

void barriers_wait_for(const volatile uint32_t *word, uint32_t value)
{
	while (smal_atomic_load_u32(word) < value)
		barriers_nap();
}

static bool refuses(long command)
{
	smal_atomic_add_u32(&barriers_asked, 1);
	if (barriers_hold_me) {
		smal_atomic_add_u32(&barriers_held_up, 1);
		while (smal_atomic_load_u32(&barriers_holding) != 0)
			barriers_nap();
	}
	if (command == BARRIERS_REGISTER) {
		smal_atomic_add_u32(&barriers_registrations, 1);
		smal_atomic_store_u32(&barriers_until_registered, 0);
	}
	errno = smal_atomic_load_u32(&barriers_until_registered) != 0
	                ? EPERM
	                : (int)smal_atomic_load_u32(&barriers_error);
	return errno != 0;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
	/* As many as those that are called here have at most. */
	long a[6] = { 0 };
	int count = number == SYS_futex ? 6 : 3;
	va_list arguments;

	va_start(arguments, number);
	for (int i = 0; i < count; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
#ifdef SYS_membarrier
	if (number == SYS_membarrier && refuses((int)a[0]))
		return -1;
#endif
	if (number == SYS_futex && (int)a[1] == FUTEX_WAIT_PRIVATE && a[3] != 0 &&
	    barriers_naps != NULL)
		smal_atomic_add_u32(barriers_naps, 1);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void barriers_refuse(int error)
{
	smal_atomic_store_u32(&barriers_error, (uint32_t)error);
}

bool barriers_by_system(void)
{
#ifdef SYS_membarrier
	return __real_syscall(SYS_membarrier, BARRIERS_REGISTER, 0, 0) == 0 &&
	       __real_syscall(SYS_membarrier, BARRIERS_EXPEDITED, 0, 0) == 0;
#else
	return false;
#endif
}

bool barriers_can_be_alone(void)
{
	bool can = smal_os_has_barrier();

	/* In those programs that is so on purpose. */
	if (!can && getenv("SMAL_TEST_REFUSE") == NULL)
		fprintf(stderr,
		        "alone: skipped: the system makes no barriers_asked, or a sanitizer is "
		        "there for which there are none\n");
	return can;
}

enum smal_sharing sharing(void)
{
	return (enum smal_sharing)smal_atomic_load_u32(&gc->sharing);
}

enum smal_sharing sharing_at_first(void)
{
	return smal_os_has_barrier() ? SMAL_ALONE : SMAL_SHARED;
}

void sharing_begin(void)
{
	smal_atomic_store_u32(&barriers_holding, 0);
	heap_begin_exact();
	crew_begin();
	ck_assert_int_eq(sharing(), sharing_at_first());
}

void sharing_end(void)
{
	crew_end();
	heap_end();
}

/* ---- Threads that attach at once ---- */

volatile uint32_t late_naps[LATE], late_done[LATE];

void late_begin(void)
{
	for (int i = 0; i < LATE; i++)
		late_naps[i] = late_done[i] = 0;
}

bool late_are_settled(uint32_t done)
{
	bool settled = true;

	for (int i = 0; i < LATE; i++)
		settled &= smal_atomic_load_u32(&late_naps[i]) >= 2 ||
		           smal_atomic_load_u32(&late_done[i]) >= done;
	return settled;
}

void late_attach(struct member *member)
{
	barriers_naps = &late_naps[member->index];
	EXPECT(smal_thread_attach(gc, &member->self) == SMAL_OK);
	barriers_naps = NULL;
	smal_atomic_store_u32(&late_naps[member->index], 0);
	EXPECT(sharing() == SMAL_SHARED);
}

/* ---- Refused from the start ---- */

static const char *program;
static const char *const ways[BARRIERS_WAYS] = { "ENOSYS", "EPERM", "filter" };

/* Has the system itself refuse; false: it can't be asked to. */
static bool filter(void)
{
#ifdef SYS_membarrier
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog fprog = { sizeof code / sizeof *code, code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &fprog) == 0;
#else
	return false;
#endif
}

/* What SMAL_TEST_REFUSE asks for; false: it can't be had. */
static bool refuse_as_asked(const char *way)
{
	if (way != NULL && strcmp(way, "filter") == 0)
		return filter();
	if (way != NULL)
		barriers_refuse(strcmp(way, "EPERM") == 0 ? EPERM : ENOSYS);
	return true;
}

void barriers_run_refused(int way)
{
	int status = -1;
	pid_t id = fork();

	ck_assert_int_ge(id, 0);
	if (id == 0) {
		setenv("SMAL_TEST_REFUSE", ways[way], 1);
		execl(program, program, (char *)NULL);
		_exit(126);
	}
	ck_assert_int_eq(waitpid(id, &status, 0), id);
	ck_assert_msg(WIFEXITED(status), "%s: status %#x", ways[way], status);
	if (WEXITSTATUS(status) == BARRIERS_SKIPPED)
		fprintf(stderr, "refused by a filter: skipped: the system takes none\n");
	else
		ck_assert_msg(WEXITSTATUS(status) == 0, "%s: status %#x", ways[way], status);
}

int barriers_main(char **argv, Suite *(*suite)(void))
{
	program = argv[0];
	return refuse_as_asked(getenv("SMAL_TEST_REFUSE")) ? test_main(suite) : BARRIERS_SKIPPED;
}
