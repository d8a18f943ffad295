/*
 * What the reader of block lists makes of a file: blocklist_rules FILE
 *
 * A line for each rule, "BITS NAME", and one for each count, the beginning of the first line that was not
 * understood in hexadecimal digits.
 */
#include "blocklist.h"

#include <inttypes.h>
#include <stdio.h>

static void print_counts(const struct aiodns_blocklist_counts *counts)
{
  printf("lines %" PRIu64 "\nrules %" PRIu64 "\nempty %" PRIu64 "\nskipped %" PRIu64
         "\nnot_understood %" PRIu64 "\nfirst_line %" PRIu64 "\nfirst_text ",
         counts->lines, counts->rules, counts->empty, counts->skipped, counts->not_understood,
         counts->first_line);
  for (size_t i = 0; counts->first_line > 0 && counts->first_text[i]; i++)
    printf("%02x", (uint8_t)counts->first_text[i]);
  putchar('\n');
}

int main(int argc, char **argv)
{
  static struct aiodns_blocklist list;
  struct aiodns_rule rule;
  char text[AIODNS_NAME_TEXT_MAX];

  if (argc != 2)
    return 2;
  if (!aiodns_blocklist_open(&list, argv[1])) {
    perror(argv[1]);
    return 1;
  }
  while (aiodns_blocklist_next(&list, &rule)) {
    aiodns_name_to_text(&rule.name, text);
    printf("%u %s\n", rule.is, text);
  }
  print_counts(&list.counts);
  aiodns_blocklist_close(&list);
  return list.lines.failed;
}
