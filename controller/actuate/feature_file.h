/* feature_file.h: the feature file's JSON, both ways; no file is touched here. */
#ifndef SPILLWAY_ACTUATE_FEATURE_FILE_H
#define SPILLWAY_ACTUATE_FEATURE_FILE_H

#include "actuate/feature.h"

/* The flags that the plan wants at an IDC, in the fleet's order. ERR_MEMORY. */
int feature_file_wanted(const struct fleet *f, const struct plan *p, uint16_t idc,
                        struct feature_file *ret_file) MUST_CHECK;
/* NUL-terminated JSON of the file, to be freed. ERR_MEMORY. */
int feature_file_print(const struct feature_file *file, const char *flag_set, char **ret_text,
                       size_t *ret_len) MUST_CHECK;
/* ERR_CORRUPT for anything but a file that feature_file_print() could have written (white space and
 * the order of keys aside), ERR_VERSION for a fence of a newer version, ERR_MEMORY. */
int feature_file_parse(const char *text, size_t len, struct feature_file *ret_file) MUST_CHECK;
/* True when both have the same fence, hold and flags. */
bool feature_file_equal(const struct feature_file *a, const struct feature_file *b);

#endif
