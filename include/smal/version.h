/* SPDX-License-Identifier: MIT */
/*
 * version.h: which libsmal this is, and the marks on public names.
 */
#ifndef SMAL_VERSION_H
#define SMAL_VERSION_H

#define SMAL_VERSION_MAJOR 0
#define SMAL_VERSION_MINOR 1
#define SMAL_VERSION_PATCH 0

#ifdef __cplusplus
#define SMAL_BEGIN extern "C" {
#define SMAL_END }
#else
#define SMAL_BEGIN
#define SMAL_END
#endif

/** On every public function: the library hides all other names. */
#define SMAL_API __attribute__((visibility("default")))

SMAL_BEGIN

/**
 * The version of the library that is linked, as "MAJOR.MINOR.PATCH". It can
 * differ from the SMAL_VERSION_ macros, which are those of the headers.
 * Any thread, at any time.
 */
SMAL_API const char *smal_version(void);

SMAL_END

#endif
