/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target fuzz_X.c defines. With libFuzzer it becomes a fuzzer (make fuzz), with replay.c a program that
 * feeds it the files of corpus/X (make check-corpus). A target's own expectations end it by abort().
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define FUZZ_INPUT_MAX 65536 /* what is longer finds nothing new */

/* Ends the target if something that must hold does not. */
#define FUZZ_CHECK(x)                                                                                                  \
	do {                                                                                                           \
		if (!(x))                                                                                              \
			abort();                                                                                       \
	} while (0)

/* Feeds one input; always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
