/* keyring.c: loading keys by the ids that a fleet names. */
#include "daemon/keyring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct key *keyring_find(const struct keyring *ring, const char *id)
{
    for (uint32_t i = 0; i < ring->count; i++) {
        if (strcmp(ring->keys[i].id, id) == 0) {
            return &ring->keys[i];
        }
    }
    return NULL;
}

/* Loads a key unless it was tried before or the fleet names none. */
static void load_one(struct keyring *ring, struct keyring *missing, const char *keys_dir,
                     const char *id, const struct logger *log)
{
    if (id[0] == '\0' || keyring_find(ring, id) != NULL || keyring_find(missing, id) != NULL) {
        return;
    }
    char why[512];
    struct key *absent = &missing->keys[missing->count++];
    (void)snprintf(absent->id, sizeof absent->id, "%s", id);
    int status = key_load(keys_dir, id, &ring->keys[ring->count], why, sizeof why);
    if (status == OK) {
        ring->count++;
        missing->count--;
        return;
    }
    log_event(log, LOG_WARNING, LOG_CODE("key-missing"), LOG_STR("key", id),
              LOG_INT("status", status), LOG_STR("why", why));
}

int keyring_load(struct keyring *ring, const char *keys_dir, const struct fleet *f,
                 const struct logger *log)
{
    size_t most = 2 * ((size_t)f->idc_count + f->dns_server_count);
    struct keyring fresh = {.keys = calloc(most > 0 ? most : 1, sizeof *fresh.keys)};
    struct keyring missing = {.keys = calloc(most > 0 ? most : 1, sizeof *missing.keys)};
    if (fresh.keys == NULL || missing.keys == NULL) {
        free(fresh.keys);
        free(missing.keys);
        return ERR_MEMORY;
    }
    for (uint16_t i = 0; i < f->idc_count; i++) {
        load_one(&fresh, &missing, keys_dir, f->idcs[i].probe_key, log);
        load_one(&fresh, &missing, keys_dir, f->idcs[i].probe_key_next, log);
    }
    for (uint16_t i = 0; i < f->dns_server_count; i++) {
        load_one(&fresh, &missing, keys_dir, f->dns_servers[i].tsig_key, log);
        load_one(&fresh, &missing, keys_dir, f->dns_servers[i].tsig_key_next, log);
    }
    free(missing.keys); /* ids only */
    keyring_done(ring);
    *ring = fresh;
    return OK;
}

void keyring_done(struct keyring *ring)
{
    for (uint32_t i = 0; i < ring->count; i++) {
        key_wipe(&ring->keys[i]);
    }
    free(ring->keys);
    *ring = (struct keyring){.keys = NULL};
}
