/* fleet_config.h: the fleet file: YAML text -> struct fleet, checked whole; and back, canonically.
 */
#ifndef SPILLWAY_CONFIG_FLEET_CONFIG_H
#define SPILLWAY_CONFIG_FLEET_CONFIG_H

#include "base/arena.h"
#include "config/errors.h"
#include "model/fleet.h"

#include <stdio.h>

enum {
    CONFIG_FLEET_MAX_BYTES = 8 * 1024 * 1024,   /* of a fleet file */
    CONFIG_MAX_DEPTH = 16,                      /* of nesting */
    CONFIG_FLEET_ARENA_SIZE = 16 * 1024 * 1024, /* holds any fleet that the schema allows */
};

/* Parses and checks a fleet file of len bytes. Arrays of *ret_fleet come from the arena, which
 * should have CONFIG_FLEET_ARENA_SIZE bytes. Every error and warning is added to errs, sorted by
 * place. Returns OK (warnings possible), ERR_INVALID when errs holds an error, ERR_FULL (arena) or
 * ERR_MEMORY; *ret_fleet is untouched unless OK. Any input is safe. */
int config_fleet_parse(const char *text, size_t len, struct arena *arena, struct fleet *ret_fleet,
                       struct config_errors *errs) MUST_CHECK;

/* Prints canonical YAML: it parses back to the same fleet, and printing that gives the same text.
 */
void config_fleet_print_yaml(const struct fleet *f, FILE *out);
/* Prints JSON with stable fields (docs/man/spillway-fleet.5.md): the keys of the YAML with their
 * unit as suffix, names instead of indices, addresses as text, durations in microseconds. */
void config_fleet_print_json(const struct fleet *f, FILE *out);
/* Prints the reference of all keys as Markdown: type, unit, bounds, default, meaning. It is the
 * middle part of spillway-fleet.5.md, and a test compares them. */
void config_fleet_print_reference(FILE *out);

#endif
