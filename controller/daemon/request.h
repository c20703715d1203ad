/* request.h: one line of the control socket as a request: JSON in, checked fields out. */
#ifndef SPILLWAY_DAEMON_REQUEST_H
#define SPILLWAY_DAEMON_REQUEST_H

#include "model/record.h"

enum request_kind { REQUEST_STATUS = 1, REQUEST_APPROVE };

struct request {
    enum request_kind kind;
    /* REQUEST_APPROVE */
    struct request_id id;
    uint32_t incident;
    char reason[RECORD_TEXT_SIZE]; /* not empty, no control characters */
};

/* Reads a line without its end. ERR_INVALID, with a static sentence that says what was expected.
 * Whatever the bytes are, nothing else happens. */
int request_read(const char *line, size_t size, struct request *ret_request,
                 const char **ret_why) MUST_CHECK;

#endif
