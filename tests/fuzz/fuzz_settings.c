/* fuzz_settings.c: any bytes as the settings of spillwayd or of the probe: no crash, settings or
 * errors at places, and every text ends within its field. The first byte chooses which. */
#include "config/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_errors(int status, struct config_errors *errs)
{
    char *text = NULL;
    size_t n = 0;
    FILE *file = open_memstream(&text, &n);
    assert(file != NULL);
    config_errors_print(errs, "fuzz.yaml", file);
    fclose(file);
    assert(status == OK || n > 0);
    free(text);
    config_errors_done(errs);
}

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void as_spillwayd(const char *text, size_t size)
{
    struct config_errors errs = {0};
    struct spillwayd_settings s;
    int status = config_spillwayd_parse(text, size, &s, &errs);
    if (status == OK) {
        assert(s.idc[0] != '\0' && s.brokers[0] != '\0');
        assert(ends(s.idc, sizeof s.idc) && ends(s.brokers, sizeof s.brokers) &&
               ends(s.keys_dir, sizeof s.keys_dir) && ends(s.journal, sizeof s.journal) &&
               ends(s.control_socket, sizeof s.control_socket) &&
               ends(s.operators, sizeof s.operators));
    }
    check_errors(status, &errs);
}

static void as_probe(const char *text, size_t size)
{
    struct config_errors errs = {0};
    struct probe_settings s;
    int status = config_probe_parse(text, size, &s, &errs);
    if (status == OK) {
        assert(s.idc[0] != '\0' && s.brokers[0] != '\0');
        assert(ends(s.idc, sizeof s.idc) && ends(s.brokers, sizeof s.brokers) &&
               ends(s.keys_dir, sizeof s.keys_dir) && ends(s.state_dir, sizeof s.state_dir) &&
               ends(s.probe_socket, sizeof s.probe_socket));
    }
    check_errors(status, &errs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == '\0') {
        as_probe((const char *)data + 1, size - 1);
    } else {
        as_spillwayd((const char *)data, size);
    }
    return 0;
}
