#include "blocklists.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file of names and URLs (`NAME URL`, `#` begins a comment), as it is read for one name. */
struct catalog {
  const char *path;
  const char *wanted;
  char *url;   /* of the wanted name */
  char *names; /* of all, with blanks between; NULL: none */
};

/* ---- URLs ---- */

static const char *const schemes[] = {"http", "https", "file"};

static bool is_word_in(const char *word, const char *const *words, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(words[i], word) == 0)
      return true;
  return false;
}

/* As curl writes it; NULL where curl does not understand it, or it is none of our schemes. */
static char *normalise(const char *word)
{
  CURLU *parts = curl_url();
  char *url = NULL, *scheme = NULL, *copy = NULL;

  if (!parts)
    command_die("out of memory");
  if (curl_url_set(parts, CURLUPART_URL, word, CURLU_URLENCODE) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
      is_word_in(scheme, schemes, sizeof schemes / sizeof *schemes)) {
    (void)curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
    if (curl_url_get(parts, CURLUPART_URL, &url, 0) == CURLUE_OK)
      copy = blocklist_text("%s", url);
  }
  curl_free(url);
  curl_free(scheme);
  curl_url_cleanup(parts);
  return copy;
}

/* The user and the password of a URL, up to the `@`: where they begin, and how long they are. */
static size_t find_secret(const char *url, size_t *ret_start)
{
  const char *authority = strstr(url, "://");

  *ret_start = 0;
  if (!authority)
    return 0;
  authority += strlen("://");
  size_t len = strcspn(authority, "/?#");
  const char *at = memrchr(authority, '@', len);
  *ret_start = (size_t)(authority - url);
  return at ? (size_t)(at - authority) : 0;
}

bool blocklist_url_is_secret(const char *url)
{
  size_t start;

  return find_secret(url, &start) > 0;
}

char *blocklist_url_text(const char *url)
{
  size_t start, len = find_secret(url, &start);

  if (len == 0)
    return command_printable(url);
  char *shown = blocklist_text("%.*s***%s", (int)start, url, url + start + len);
  char *text = command_printable(shown);
  free(shown);
  return text;
}

char *blocklist_url_path(const char *url)
{
  CURLU *parts = curl_url();
  char *scheme = NULL, *path = NULL, *copy = NULL;

  if (!parts)
    command_die("out of memory");
  if (curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK && strcmp(scheme, "file") == 0 &&
      curl_url_get(parts, CURLUPART_PATH, &path, CURLU_URLDECODE) == CURLUE_OK)
    copy = blocklist_text("%s", path);
  curl_free(scheme);
  curl_free(path);
  curl_url_cleanup(parts);
  return copy;
}

/* A file may be called anything: its path is taken letter by letter. */
static char *url_of_file(const char *file)
{
  char *folder = *file == '/' ? NULL : getcwd(NULL, 0), *url = NULL;
  char *path = *file == '/' ? blocklist_text("%s", file)
               : folder     ? blocklist_text("%s/%s", folder, file)
                            : NULL;

  free(folder);
  if (!path)
    return NULL;
  url = command_allocate(NULL, strlen(path) * 3 + sizeof "file://");
  char *to = url + sprintf(url, "file://");
  for (const char *at = path; *at; at++) {
    unsigned char c = (unsigned char)*at;
    if ((c < 0x80 && isalnum(c)) || strchr("/-._~", c))
      *to++ = (char)c;
    else
      to += sprintf(to, "%%%02X", c);
  }
  *to = '\0';
  free(path);
  return url;
}

/* ---- Names of lists ---- */

static bool is_inner(char c)
{
  return c == '.' || c == '_' || c == '-';
}

static bool is_name_character(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || is_inner(c);
}

bool blocklist_name_is_good(const char *name)
{
  size_t len = 0;

  while (is_name_character(name[len]))
    len++;
  return name[len] == '\0' && len > 0 && len <= BLOCKLIST_NAME_MAX && !is_inner(name[0]);
}

/* The characters that a name may have, the others as `-`; what is no letter or digit once, and never at an
 * end. */
static void append_safe(char name[BLOCKLIST_NAME_MAX + 1], const char *text, size_t len)
{
  size_t used = strlen(name);

  for (size_t i = 0; i < len && used < BLOCKLIST_NAME_MAX; i++) {
    char c = text[i];
    if (!is_name_character(c))
      c = '-';
    if (!is_inner(c) || (used > 0 && !is_inner(name[used - 1])))
      name[used++] = c;
  }
  while (used > 0 && is_inner(name[used - 1]))
    used--;
  name[used] = '\0';
}

/* Without what only says that it is a list. */
static size_t without_ending(const char *file, size_t len)
{
  static const char *const endings[] = {".txt", ".list", ".hosts", ".conf", ".zone", ".rpz"};

  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    size_t tail = strlen(endings[i]);
    if (len > tail && strncasecmp(file + len - tail, endings[i], tail) == 0)
      return len - tail;
  }
  return len;
}

/*
 * https://host/path/FILE.txt?query is called FILE; where that says nothing, as of .../StevenBlack/hosts or of
 * a bare host, host-FILE.
 */
static void derive_name(const char *url, char name[BLOCKLIST_NAME_MAX + 1])
{
  static const char *const say_nothing[] = {"", "hosts", "domains", "index", "raw", "download"};
  const char *host = strstr(url, "://") + strlen("://");
  size_t host_len = strcspn(host, "/?"), path_len = strcspn(host + host_len, "?"), secret_start;
  const char *path = host + host_len, *file = memrchr(path, '/', path_len);
  size_t secret_len = find_secret(url, &secret_start);
  char host_name[BLOCKLIST_NAME_MAX + 1] = "";

  file = file ? file + 1 : path;
  name[0] = '\0';
  append_safe(name, file, without_ending(file, path_len - (size_t)(file - path)));
  if (!is_word_in(name, say_nothing, sizeof say_nothing / sizeof *say_nothing))
    return;
  if (secret_len > 0) { /* and its `@` */
    host += secret_len + 1;
    host_len -= secret_len + 1;
  }
  append_safe(host_name, host, host_len);
  char *both = blocklist_text("%s-%s", host_name[0] ? host_name : "list", name);
  name[0] = '\0';
  append_safe(name, both, strlen(both));
  free(both);
}

/* ---- Well-known lists ---- */

/* Beside the command, wherever that was installed, or built.  NULL: /proc does not say. */
static char *shipped_path(void)
{
  char self[4096];
  ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

  if (len <= 0)
    return NULL;
  self[len] = '\0';
  char *slash = strrchr(self, '/');
  if (!slash)
    return NULL;
  *slash = '\0';
  return blocklist_text("%s/%s", self, AIODNS_BLOCKLISTS_FROM_COMMAND);
}

static void complain(const struct catalog *catalog, unsigned line, const char *expected, const char *word)
{
  char *path = command_printable(catalog->path), *text = command_printable(word);

  command_say("%s:%u: expected %s%s%s", path, line, expected, *text ? ", not " : "", text);
  free(path);
  free(text);
}

static void read_line(struct catalog *catalog, char *text, unsigned line)
{
  static const char blank[] = " \t\r\n\v\f";
  char *rest = NULL, *comment = strchr(text, '#');

  /* A `#` within a URL is none. */
  while (comment && comment > text && !strchr(blank, comment[-1]))
    comment = strchr(comment + 1, '#');
  if (comment)
    *comment = '\0';
  const char *name = strtok_r(text, blank, &rest);
  if (!name)
    return;
  const char *word = strtok_r(NULL, blank, &rest), *more = strtok_r(NULL, blank, &rest);
  char *url = word ? normalise(word) : NULL;
  if (!blocklist_name_is_good(name)) {
    complain(catalog, line, "a name of letters, digits, '.', '_' and '-', at most 64", name);
  } else if (!url) {
    complain(catalog, line, "the list's URL (http://, https:// or file://) behind its name",
             word ? word : "");
  } else if (more) {
    complain(catalog, line, "nothing behind the URL", more);
  } else {
    char *names =
        catalog->names ? blocklist_text("%s, %s", catalog->names, name) : blocklist_text("%s", name);
    free(catalog->names);
    catalog->names = names;
    if (strcmp(name, catalog->wanted) == 0) { /* the last one counts */
      free(catalog->url);
      catalog->url = url;
      url = NULL;
    }
  }
  free(url);
}

static void read_catalog(struct catalog *catalog)
{
  FILE *file = catalog->path ? fopen(catalog->path, "re") : NULL;
  char *text = NULL;
  size_t room = 0;
  unsigned line = 0;

  if (!file) {
    if (catalog->path && errno != ENOENT) {
      char *path = command_printable(catalog->path);
      command_say("%s: %s", path, strerror(errno));
      free(path);
    }
    return;
  }
  while (getline(&text, &room, file) >= 0)
    read_line(catalog, text, ++line);
  if (ferror(file))
    complain(catalog, line + 1, "another line, but the file cannot be read any more", "");
  free(text);
  (void)fclose(file);
}

/* The URL of a well-known list; NULL, and the names that there are (NULL: none). */
static char *look_up(const char *name, char **ret_names)
{
  char *shipped = shipped_path();
  struct catalog own = {.path = BLOCKLIST_CATALOG, .wanted = name};
  struct catalog ours = {.path = shipped, .wanted = name};

  read_catalog(&own);
  read_catalog(&ours);
  *ret_names = blocklist_text("%s%s%s", own.names ? own.names : "", own.names && ours.names ? ", " : "",
                              ours.names ? ours.names : "");
  if (!own.url) {
    own.url = ours.url;
    ours.url = NULL;
  }
  free(own.names);
  free(ours.names);
  free(ours.url);
  free(shipped);
  return own.url;
}

/* ---- What was said ---- */

/* A scheme and a colon, and something: `C:\` is none either. */
static bool looks_like_url(const char *word)
{
  size_t len = 0;

  while (isalnum((unsigned char)word[len]) || (word[len] && strchr("+.-", word[len])))
    len++;
  return len > 1 && word[len] == ':' && word[len + 1] == '/';
}

static bool find_named(const char *word, struct blocklist_source *ret)
{
  char *names, *printable = command_printable(word);

  ret->url = look_up(word, &names);
  ret->is_known = ret->url != NULL;
  if (ret->is_known)
    snprintf(ret->name, sizeof ret->name, "%s", word);
  else if (access(word, F_OK) == 0)
    ret->url = url_of_file(word);
  if (!ret->url && *names)
    command_say("%s is no URL, no file, and no list's name (known are %s)", printable, names);
  else if (!ret->url)
    command_say("%s is no URL, no file, and no list's name (there are none in " AIODNS_BLOCKLISTS
                " and " BLOCKLIST_CATALOG ")",
                printable);
  free(names);
  free(printable);
  return ret->url != NULL;
}

bool blocklist_source_find(const char *word, struct blocklist_source *ret)
{
  *ret = (struct blocklist_source){0};
  if (looks_like_url(word)) {
    ret->url = normalise(word);
    if (!ret->url) {
      char *text = blocklist_url_text(word);
      command_say("%s: no URL, or none that begins with http://, https:// or file://", text);
      free(text);
    }
  } else if (strchr(word, '/')) {
    ret->url = url_of_file(word);
    if (!ret->url)
      command_say("the folder that this is started in is gone");
  } else if (!find_named(word, ret)) {
    return false;
  }
  if (ret->url && !*ret->name)
    derive_name(ret->url, ret->name);
  return ret->url != NULL;
}

void blocklist_source_done(struct blocklist_source *source)
{
  free(source->url);
  source->url = NULL;
}
