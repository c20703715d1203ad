/* eras.h: which eras stand at what a new log's plan will have to overwrite. */
#ifndef SPILLWAY_CLI_ERAS_H
#define SPILLWAY_CLI_ERAS_H

#include "cli/cli.h"
#include "model/fleet.h"

enum era_answer {
    ERA_NONE = 1,  /* no fence is there */
    ERA_FOUND,     /* one is */
    ERA_UNREACHED, /* it did not answer, or not so that it could be understood */
    ERA_UNSET,     /* the settings of this host name none */
};

/* One place that was asked. */
struct era_place {
    char name[FLEET_NAME_SIZE];
    enum era_answer answer;
    uint64_t era, generation;
};

struct eras {
    uint64_t highest; /* 0 when no fence was found */
    uint32_t count;
    struct era_place at[FLEET_MAX_DNS_SERVERS + 2]; /* DNS servers, feature file, route helper */
};

/* Asks every DNS server of the fleet, and this host's feature file and route helper. A new log
 * takes a higher era than all of them (PROTOCOL.md, GENESIS), else its plan would be refused there
 * as older or as a split. Who does not answer within three seconds is told by eras_print(): a newer
 * fence there refuses the plan later, which does no harm. ERR_MEMORY when the resolver cannot
 * start. */
int eras_ask(const struct cli *c, const struct fleet *f, struct eras *ret_eras) MUST_CHECK;
/* What was asked, what was found, what was not reached and what cannot be asked from here; next
 * is the era that the log takes. */
void eras_print(const struct eras *e, uint64_t next, FILE *out);

#endif
