/* request.h: one line of the control socket as a request: JSON in, checked fields out. */
#ifndef SPILLWAY_DAEMON_REQUEST_H
#define SPILLWAY_DAEMON_REQUEST_H

#include "model/order.h"

enum request_kind {
    REQUEST_STATUS = 1,
    REQUEST_EVIDENCE,
    REQUEST_CONTROL,
    REQUEST_RECORDS,
    REQUEST_COMMAND,
};

enum { REQUEST_NAME_SIZE = 2 * FLEET_NAME_SIZE + 16 }; /* "carrier-at:A@B" */

struct request {
    enum request_kind kind;
    /* REQUEST_RECORDS: those after the offset, or before it with the newest first */
    int64_t offset;
    bool backwards;
    /* REQUEST_COMMAND */
    enum operator_command command;
    struct request_id id;
    uint64_t number;                 /* incident, order, record or decision */
    char subject[REQUEST_NAME_SIZE]; /* as order_subject_find() takes it, or drill_target_find() */
    char region[FLEET_NAME_SIZE], service[FLEET_NAME_SIZE];
    uint8_t tier;
    int64_t ttl_us;
    char reason[RECORD_TEXT_SIZE]; /* not empty, no control characters */
    size_t drill_size;             /* bytes of a runbook in its canonical form, 0: none */
    uint8_t drill[DRILL_MAX_BYTES];
    struct digest replaces; /* the fleet that a new one follows */
    char *fleet;            /* its YAML, owned: request_done(); NULL: none */
    size_t fleet_size;
};

/* Reads a line without its end. ERR_INVALID, with a static sentence that says what was expected.
 * Whatever the bytes are, nothing else happens. */
int request_read(const char *line, size_t size, struct request *ret_request,
                 const char **ret_why) MUST_CHECK;

/* Frees what the request owns. */
void request_done(struct request *r);

#endif
