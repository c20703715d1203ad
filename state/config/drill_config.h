/* drill_config.h: a runbook of a drill: YAML text -> struct drill, checked whole; and back. */
#ifndef SPILLWAY_CONFIG_DRILL_CONFIG_H
#define SPILLWAY_CONFIG_DRILL_CONFIG_H

#include "config/errors.h"
#include "model/drill.h"

#include <stdio.h>

enum { CONFIG_DRILL_MAX_BYTES = 64 * 1024 }; /* of a runbook */

/* Parses and checks a runbook of len bytes. Every error is added to errs, sorted by place. Returns
 * OK, ERR_INVALID when errs holds an error, or ERR_MEMORY; *ret_drill is untouched unless OK. Any
 * input is safe. */
int config_drill_parse(const char *text, size_t len, struct drill *ret_drill,
                       struct config_errors *errs) MUST_CHECK;
/* Canonical YAML (it parses back to the same drill), and JSON with the same keys and the unit as
 * suffix. */
void config_drill_print_yaml(const struct drill *d, FILE *out);
void config_drill_print_json(const struct drill *d, FILE *out);
/* The reference of all keys as Markdown: the middle part of spillway-drill.5.md. */
void config_drill_print_reference(FILE *out);

#endif
