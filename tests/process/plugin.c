/*
 * A plugin that asks glibc, for programs that load it with names of its own coming first.
 */
#include "plugin.h"

#include "module.h"

void plugin_ask(const char *how, const char *name, const char *wanted)
{
  CHECK_ASK(how, name, wanted);
}
