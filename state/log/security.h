/* security.h: TLS and SASL of the clients, from a file. Internal. */
#ifndef SPILLWAY_LOG_SECURITY_H
#define SPILLWAY_LOG_SECURITY_H

#include "log/bus.h"

#include <librdkafka/rdkafka.h>

/* Sets what the file says. OK; ERR_NOT_FOUND, ERR_IO, ERR_PERMISSION (others may read it), or
 * ERR_INVALID, ERR_TOO_LARGE, with a sentence in why (BUS_TEXT_SIZE bytes) that holds no value. */
int security_apply(rd_kafka_conf_t *conf, const char *path, char *why) MUST_CHECK;

#endif
