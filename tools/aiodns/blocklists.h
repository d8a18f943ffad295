/*
 * `aiodns blocklist`: lists that are downloaded, and kept where `block-file` lines of aiodns.conf(5) find
 * them.
 *
 *   DIRECTORY/blocklists/NAME         the lists, as they came, and nothing else
 *   DIRECTORY/blocklists.d/NAME.json  what is known of each
 *   DIRECTORY/blocklists.d/download.new, known.new   what is being written, while the lock is held
 *   DIRECTORY/blocklists.d/lock       held by the one that changes anything; root's alone, since who can open
 *                                     a file can hold a lock on it
 *
 * Invariant: a list and what is known of it are each replaced by rename, after what they consist of is on the
 * disk, so that a crash at any moment leaves the old one or the new one whole.  What is known counts only for
 * a list of the size and time that it names: whichever of the two a crash has kept from being replaced, the
 * next update asks for the whole list again.
 */
#ifndef BLOCKLISTS_H
#define BLOCKLISTS_H

#include "blocklist_rules.h"
#include "command.h"

#include <signal.h>
#include <sys/stat.h>

#define BLOCKLIST_DIRECTORY "/var/lib/aiodns"
#define BLOCKLIST_CATALOG   "/etc/aiodns/blocklists" /* the administrator's names of lists */

enum {
  BLOCKLIST_NAME_MAX = 64,          /* characters of a list's name */
  BLOCKLIST_SIZE_MAX = 256 << 20,   /* octets of a list; the largest ones that people use have 30 MB */
  BLOCKLIST_VALIDATOR_MAX = 256,    /* characters of an ETag; a longer one is left out */
  BLOCKLIST_TIMEOUT_S = 600,        /* of one download, where nothing else is said */
  BLOCKLIST_INTERVAL_S = 23 * 3600, /* between two questions for a list: a day, less an hour since no timer
                                       comes at the same second each day */
};

/* The signal that asked us to end; 0: none.  Whoever waits or loops looks at it. */
extern volatile sig_atomic_t blocklist_interrupted;

/* The caller frees it; or the end of the program. */
char *blocklist_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Names and URLs (blocklist_source.c) ---- */

/* Letters, digits, `.`, `_` and `-`, the first one a letter or digit. */
bool blocklist_name_is_good(const char *name);

/* What somebody wrote behind `add`: a URL, the name of a well-known list, or a file. */
struct blocklist_source {
  char *url;                         /* http, https or file, as curl writes it */
  char name[BLOCKLIST_NAME_MAX + 1]; /* what the list may be called */
  bool is_known;                     /* this is the name of a well-known list, and not made of the URL */
};

/* False where it is none of them, which it has said. */
bool blocklist_source_find(const char *word, struct blocklist_source *ret);
void blocklist_source_done(struct blocklist_source *source);

/* For people: without user and password, printable.  The caller frees it. */
char *blocklist_url_text(const char *url);

/* Whether it has a user or a password, so that others must not read it. */
bool blocklist_url_is_secret(const char *url);

/* The path of a file: URL; NULL for others.  The caller frees it. */
char *blocklist_url_path(const char *url);

/* ---- What is known of a list, and where the lists are (blocklist_store.c) ---- */

struct blocklist_known {
  char *url;
  char *etag, *last_modified; /* as the server wrote them; NULL: it did not */
  int64_t tried, checked; /* seconds since 1970: the last time anything was tried, and that it went well */
  int64_t changed;        /* when another list came */
  char *outcome;          /* a sentence of the last time, NULL: all went well */
  uint64_t rules;         /* different ones */
  int64_t size, time_ns;  /* of the list's file, when it was put there */
};

struct blocklist_store {
  char *directory;        /* absolute */
  char *text;             /* the same as it was said, printable */
  int lists, known, lock; /* descriptors: the two folders, and the lock (-1: not taken) */
};

/*
 * Opens the folders.  To write it makes them, waits for the lock, and takes away what a crash has left; to
 * read it is content with none (lists and known -1).  False: it has said why.
 */
bool blocklist_store_open(struct blocklist_store *store, const char *directory, bool to_write);
void blocklist_store_close(struct blocklist_store *store);

/* The names of all lists, of those too that only a file or only the knowledge is there of, in order. */
char **blocklist_store_names(const struct blocklist_store *store, size_t *ret_count);
void blocklist_names_free(char **names, size_t count);

/* DIRECTORY/blocklists/NAME, and the file that is being downloaded.  The caller frees them. */
char *blocklist_store_path(const struct blocklist_store *store, const char *name);
char *blocklist_store_new_path(const struct blocklist_store *store);

/* The list's file; false where there is none. */
bool blocklist_store_stat(const struct blocklist_store *store, const char *name, struct stat *ret);

enum blocklist_verdict { BLOCKLIST_ABSENT, BLOCKLIST_GOOD, BLOCKLIST_BAD };

/* BAD: *ret_reason, which the caller frees.  _free() is due in any case. */
enum blocklist_verdict blocklist_known_read(const struct blocklist_store *store, const char *name,
                                            struct blocklist_known *ret, char **ret_reason);
bool blocklist_known_write(const struct blocklist_store *store, const char *name,
                           const struct blocklist_known *known);
void blocklist_known_forget(const struct blocklist_store *store, const char *name);
void blocklist_known_free(struct blocklist_known *known);

/* Whether that file is the one that `known` is about. */
bool blocklist_known_is_of(const struct blocklist_known *known, const struct stat *file);

/* An empty file to download into; -1: it has said why. */
int blocklist_store_new(const struct blocklist_store *store);
void blocklist_store_drop_new(const struct blocklist_store *store);

/* The list's new file on the disk, with its last mode; then in the place of the old one. False: said. */
bool blocklist_store_sync_new(const struct blocklist_store *store, int fd);
bool blocklist_store_install(const struct blocklist_store *store, const char *name);

/* The knowledge, then the list: a crash between them leaves what another `remove` takes away. */
bool blocklist_store_remove(const struct blocklist_store *store, const char *name, bool *ret_was_there);

/* ---- Downloads (blocklist_fetch.c) ---- */

struct blocklist_fetch {
  const char *name, *url;
  const char *etag, *last_modified; /* of the list that is here; NULL: the whole list, whatever is here */
  uint64_t timeout_ms;
  int fd; /* where to */

  /* What came. */
  char new_etag[BLOCKLIST_VALIDATOR_MAX + 1], new_last_modified[BLOCKLIST_VALIDATOR_MAX + 1]; /* or empty */
  bool is_open_ended; /* nothing said where it ends but the end of the connection */
  char reason[512];   /* of a failure; printable */
};

enum blocklist_fetched { BLOCKLIST_SAME, BLOCKLIST_CAME, BLOCKLIST_FAILED };

enum blocklist_fetched blocklist_fetch(struct blocklist_fetch *fetch);

/* The same; by a process of the account _aiodns where this one is root's (blocklist_apart.c). */
enum blocklist_fetched blocklist_fetch_apart(struct blocklist_fetch *fetch);

/* ---- Bringing a list up to date (blocklist_update.c) ---- */

struct blocklist_request {
  bool force; /* asked a moment ago, or much shorter than before: all the same */
  uint64_t timeout_ms;
};

/* A list that is not there yet: `known` has its URL, and is filled.  False: it has said why. */
bool blocklist_add(const struct blocklist_store *store, const char *name, struct blocklist_known *known,
                   const struct blocklist_request *request);

/*
 * Those of the names, printable or not; all that were downloaded, where there are no names.  The exit status.
 */
int blocklist_update(const struct blocklist_store *store, char *const *names, size_t count,
                     const struct blocklist_request *request);

/* ---- Adding one (blocklist_add.c) ---- */

/* Under the name that was wanted, or (NULL) its own.  The exit status. */
int blocklist_add_source(const struct blocklist_store *store, struct blocklist_source *source,
                         const char *wanted, const struct blocklist_request *request);

/* ---- What there is (blocklist_list.c) ---- */

int blocklist_list(const struct blocklist_store *store, bool json);

/* ---- The bar on a terminal (blocklist_bar.c); nothing where stderr is none ---- */

struct blocklist_bar {
  const char *name;
  unsigned width;   /* characters of a line; 0: no terminal */
  int64_t drawn_ms; /* when last */
  bool is_drawn;
};

void blocklist_bar_begin(struct blocklist_bar *bar, const char *name);
void blocklist_bar_show(struct blocklist_bar *bar, uint64_t octets, uint64_t total); /* total 0: not known */
void blocklist_bar_end(struct blocklist_bar *bar);

#endif
