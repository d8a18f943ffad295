/*
 * What plugin.c, a shared object, has for programs that load it.
 */
#ifndef AIODNS_TEST_PLUGIN_H
#define AIODNS_TEST_PLUGIN_H

/* As CHECK_ASK(). */
__attribute__((visibility("default"))) void plugin_ask(const char *how, const char *name, const char *wanted);

#endif
