/* dns_exchange.h: one TCP connection to a DNS server, one request and reply at a time (RFC 7766
 * framing). */
#ifndef SPILLWAY_ACTUATE_DNS_EXCHANGE_H
#define SPILLWAY_ACTUATE_DNS_EXCHANGE_H

#include "model/fleet.h"

#include <uv.h>

struct dns_exchange;

/* A reply (borrowed for the call), or why there is none: ERR_UNAVAILABLE (refused, reset, closed),
 * ERR_TIMEOUT, ERR_TRUNCATED (closed within a message), ERR_INVALID (more or less than one
 * message). After an error the connection is of no use: close it. Never called from inside open or
 * send. */
typedef void dns_exchange_done(void *user, int status, const uint8_t *wire, size_t len);

/* Begins to connect. ERR_INVALID for an address without family, ERR_MEMORY. */
int dns_exchange_open(uv_loop_t *loop, const struct address *address, uint16_t port,
                      int64_t timeout_us, dns_exchange_done *done, void *user,
                      struct dns_exchange **ret_exchange) MUST_CHECK;
/* Sends one message (copied, at most 65535 bytes), when connected. The previous one must have been
 * answered. */
void dns_exchange_send(struct dns_exchange *x, const uint8_t *wire, size_t len);
/* No call of done after this; frees itself when the loop has closed it. NULL-safe. */
void dns_exchange_close(struct dns_exchange *x);

/* As libuv takes it. ERR_INVALID for an address without family. */
int dns_sockaddr(const struct address *address, uint16_t port,
                 struct sockaddr_storage *ret_address) MUST_CHECK;

#endif
