/* status.h: what `spillway status` says, gathered once, told in two ways. */
#ifndef SPILLWAY_CLI_STATUS_H
#define SPILLWAY_CLI_STATUS_H

#include "cli/records.h"

enum { WAIT_MAX = 64, WAIT_TEXT_SIZE = 512 };

/* Something that waits for a person. */
struct wait {
    uint32_t incident; /* 0: none */
    uint16_t service;  /* a stateful service that stays, or FLEET_NONE */
    char text[WAIT_TEXT_SIZE];
    char command[WAIT_TEXT_SIZE]; /* what to type, or "" when the act is outside of Spillway */
};

struct waits {
    uint32_t count;
    struct wait items[WAIT_MAX];
};

/* From the control state alone: approvals, and stateful services at dead places (law 12). */
void waits_find(const struct control *c, struct waits *ret);

/* Is the plan safe now, by the laws that can be read off the control state? NULL, or what is not.
 */
const char *status_unsafe(const struct control *c);
/* The newest accepted decision that changed the plan: OK or ERR_NOT_FOUND. */
int status_last_change(const struct host *h, struct host_record *r) MUST_CHECK;

/* What the daemon here says of one of its actuators (borrowed); NULL when it says nothing, or live
 * is NULL. */
const json_t *status_actuator(const json_t *live, const char *actuator, const char *target);

/* Demand that differs from what is declared, or is about to; prints nothing when none does. */
json_t *demands_json(const struct control *c);
void demands_print(const struct control *c, FILE *out);

/* Who announces the anycast services; prints nothing when there are none. */
json_t *announcements_json(const struct control *c);
void announcements_print(const struct control *c, FILE *out);

/* live: the daemon's answer, or NULL and why it is missing (for people: the whole sentence). */
int status_print(const struct cli *c, const struct host *h, const json_t *live, const char *why);
int status_print_json(const struct cli *c, const struct host *h, json_t *live, const char *why);

#endif
