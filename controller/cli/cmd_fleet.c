/* cmd_fleet.c: `spillway fleet check|show|keys|apply`. */
#include "cli/fleet_apply.h"
#include "config/fleet_config.h"
#include "wire/record.h"

#include <stdlib.h>
#include <string.h>

static bool digest_of(const struct fleet *f, struct digest *ret)
{
    const size_t size = fleet_encoded_size(f);
    void *scratch = malloc(size);
    if (scratch == NULL) {
        return false;
    }
    *ret = fleet_digest(f, scratch, size);
    free(scratch);
    return true;
}

static void print_hex(const struct digest *d, FILE *out)
{
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        fprintf(out, "%02x", d->bytes[i]);
    }
}

static uint32_t vantage_count(const struct fleet *f)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->idc_count; i++) {
        n += f->idcs[i].vantage;
    }
    return n;
}

static void print_summary(const struct cli *c, const struct fleet_file *file,
                          const struct digest *digest, size_t bound)
{
    const struct fleet *f = &file->fleet;
    const uint32_t sites = vantage_count(f);
    fprintf(c->out, "fleet %s: ok, %u warning%s\n", f->name, file->warnings,
            file->warnings == 1 ? "" : "s");
    fprintf(c->out,
            "  %u IDCs, %u vantage sites, %u regions, %u carriers, %u links, %u conduits\n"
            "  %u services, %u entrances, %u views, %u references, %u DNS servers\n",
            f->idc_count - sites, sites, f->region_count, f->carrier_count, f->link_count,
            f->conduit_count, f->service_count, f->entrance_count, f->view_count,
            f->reference_count, f->dns_server_count);
    fprintf(c->out,
            "  largest record %zu bytes: spillway.log needs max.message.bytes of at least that\n"
            "  digest ",
            bound);
    print_hex(digest, c->out);
    fputc('\n', c->out);
}

static void print_summary_json(const struct cli *c, const struct fleet_file *file,
                               const struct digest *digest, size_t bound)
{
    const struct fleet *f = &file->fleet;
    fprintf(
        c->out,
        "{\"ok\": true, \"fleet\": \"%s\", \"warnings\": %u, \"idcs\": %u, \"vantage_sites\": %u, "
        "\"regions\": %u, \"carriers\": %u, \"links\": %u, \"conduits\": %u, \"services\": %u, "
        "\"entrances\": %u, \"views\": %u, \"references\": %u, \"dns_servers\": %u, "
        "\"max_record_bytes\": %zu, \"digest\": \"",
        f->name, file->warnings, f->idc_count - vantage_count(f), vantage_count(f), f->region_count,
        f->carrier_count, f->link_count, f->conduit_count, f->service_count, f->entrance_count,
        f->view_count, f->reference_count, f->dns_server_count, bound);
    print_hex(digest, c->out);
    fputs("\"}\n", c->out);
}

static int check_file(const struct cli *c, const struct fleet_file *file)
{
    struct digest digest;
    const size_t bound = record_size_bound(&file->fleet);
    if (!digest_of(&file->fleet, &digest)) {
        return cli_fail(c, ERR_MEMORY, "the fleet's digest");
    }
    if (bound > RECORD_MAX_BYTES) {
        return cli_fail(c, ERR_TOO_LARGE,
                        "records of this fleet may take %zu bytes, more than the %d of any record",
                        bound, RECORD_MAX_BYTES);
    }
    if (c->json) {
        print_summary_json(c, file, &digest, bound);
    } else {
        print_summary(c, file, &digest, bound);
    }
    return CLI_OK;
}

int cli_fleet(struct cli *c)
{
    if (c->count == 1 && strcmp(c->args[0], "keys") == 0 && !c->json) {
        config_fleet_print_reference(c->out);
        return CLI_OK;
    }
    const bool apply = c->count == 2 && strcmp(c->args[0], "apply") == 0;
    if (apply || (c->count == 2 && c->args[1][0] == '@')) {
        const int failed = cli_settings(c);
        if (failed != CLI_OK) {
            return failed;
        }
    }
    if (apply) {
        return fleet_apply(c);
    }
    const bool check = c->count == 2 && strcmp(c->args[0], "check") == 0;
    const bool show = c->count == 2 && strcmp(c->args[0], "show") == 0;
    if (!check && !show) {
        return cli_misuse(c,
                          "usage: spillway fleet check FILE, fleet show FILE|@RECORD, fleet apply "
                          "FILE|@RECORD --reason TEXT, or fleet keys");
    }
    struct fleet_file file;
    if (fleet_load_named(c, c->args[1], &file) != OK) {
        return CLI_FAILURE; /* every error was printed with its place */
    }
    int code = CLI_OK;
    if (check) {
        code = check_file(c, &file);
    } else if (c->json) {
        config_fleet_print_json(&file.fleet, c->out);
    } else {
        config_fleet_print_yaml(&file.fleet, c->out);
    }
    fleet_file_done(&file);
    return code;
}
