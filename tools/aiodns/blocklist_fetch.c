#include "blocklists.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
  FETCH_CONNECT_TIMEOUT_MS = 30000,
  /* Who sends less than this for so long is as good as silent. */
  FETCH_SPEED_MIN = 500, /* octets a second */
  FETCH_SPEED_MIN_S = 30,
  FETCH_REDIRECTS_MAX = 10,
  FETCH_STATUS_GOOD = 200,
  FETCH_STATUS_SAME = 304,
};

struct transfer {
  struct blocklist_fetch *fetch;
  CURL *curl;
  struct curl_slist *headers;
  struct blocklist_bar bar;
  uint64_t size;   /* octets written */
  int write_error; /* errno; EFBIG: too large */
  char error[CURL_ERROR_SIZE];
};

static enum blocklist_fetched fail(struct transfer *transfer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum blocklist_fetched fail(struct transfer *transfer, const char *format, ...)
{
  char *text = NULL;
  va_list args;

  va_start(args, format);
  int len = vasprintf(&text, format, args);
  va_end(args);
  if (len < 0)
    command_die("out of memory");
  /* A server's words may be among them. */
  char *printable = command_printable(text);
  snprintf(transfer->fetch->reason, sizeof transfer->fetch->reason, "%s", printable);
  free(text);
  free(printable);
  return BLOCKLIST_FAILED;
}

/* ---- What curl calls ---- */

static size_t take_body(char *octets, size_t unit, size_t count, void *context)
{
  struct transfer *transfer = context;
  size_t len = unit * count, done = 0;

  if (len > BLOCKLIST_SIZE_MAX - transfer->size) {
    transfer->write_error = EFBIG;
    return 0;
  }
  transfer->size += len;
  while (done < len) {
    ssize_t written = write(transfer->fetch->fd, octets + done, len - done);
    if (written < 0 && errno == EINTR && !blocklist_interrupted)
      continue;
    if (written < 0) {
      transfer->write_error = errno;
      return 0;
    }
    done += (size_t)written;
  }
  return len;
}

static bool is_header(const char *name, const char *line, size_t len)
{
  return len >= strlen(name) && strncasecmp(line, name, strlen(name)) == 0;
}

/* The value of a header, where it is this one: printable ASCII that is not too long to be sent back. */
static void take_value(char ret[BLOCKLIST_VALIDATOR_MAX + 1], const char *name, const char *line, size_t len)
{
  size_t head = strlen(name);

  if (!is_header(name, line, len))
    return;
  while (head < len && (line[head] == ' ' || line[head] == '\t'))
    head++;
  while (len > head && strchr(" \t\r\n", line[len - 1]))
    len--;
  if (len - head > BLOCKLIST_VALIDATOR_MAX)
    return;
  for (size_t i = head; i < len; i++)
    if (line[i] < 0x20 || line[i] > 0x7e)
      return;
  memcpy(ret, line + head, len - head);
  ret[len - head] = '\0';
}

static size_t take_header(char *line, size_t unit, size_t count, void *context)
{
  struct transfer *transfer = context;
  struct blocklist_fetch *fetch = transfer->fetch;
  size_t len = unit * count;

  /* Each response of a chain of redirects begins anew. */
  if (is_header("HTTP/", line, len)) {
    fetch->new_etag[0] = fetch->new_last_modified[0] = '\0';
    fetch->is_open_ended = is_header("HTTP/1", line, len);
  }
  if (is_header("Content-Length:", line, len) || is_header("Transfer-Encoding:", line, len))
    fetch->is_open_ended = false; /* curl looks whether that is what came */
  take_value(fetch->new_etag, "ETag:", line, len);
  take_value(fetch->new_last_modified, "Last-Modified:", line, len);
  return len;
}

static int show_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
  struct transfer *transfer = context;

  (void)up_total;
  (void)up;
  blocklist_bar_show(&transfer->bar, now > 0 ? (uint64_t)now : 0, total > 0 ? (uint64_t)total : 0);
  return blocklist_interrupted != 0;
}

/* ---- What curl is told ---- */

static void check(CURLcode code)
{
  if (code != CURLE_OK)
    command_die("libcurl: %s", curl_easy_strerror(code));
}

/* Sent as it came, so that it means to the server what it meant. */
static void add_header(struct transfer *transfer, const char *name, const char *value)
{
  if (!value)
    return;
  char *line = blocklist_text("%s: %s", name, value);
  struct curl_slist *longer = curl_slist_append(transfer->headers, line);
  if (!longer)
    command_die("out of memory");
  transfer->headers = longer;
  free(line);
}

/* From the network nobody is led to a file, and from a connection that is secured to none that is not. */
static void set_protocols(CURL *curl, const char *url)
{
  bool is_secured = strncmp(url, "https:", 6) == 0;

#if LIBCURL_VERSION_NUM >= 0x075500
  check(curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,file"));
  check(curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, is_secured ? "https" : "http,https"));
#else
  check(curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS | CURLPROTO_FILE)));
  check(curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS,
                         is_secured ? (long)CURLPROTO_HTTPS : (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)));
#endif
  check(curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L));
  check(curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)FETCH_REDIRECTS_MAX));
}

/* The variables that the program curl reads; those of proxies libcurl reads itself. */
static void set_authorities(CURL *curl)
{
  const char *bundle = getenv("CURL_CA_BUNDLE"), *folder = NULL;

  if (!bundle || !*bundle) {
    bundle = getenv("SSL_CERT_FILE");
    folder = getenv("SSL_CERT_DIR");
  }
  if (bundle && *bundle)
    check(curl_easy_setopt(curl, CURLOPT_CAINFO, bundle));
  if (folder && *folder)
    check(curl_easy_setopt(curl, CURLOPT_CAPATH, folder));
}

static void set_limits(CURL *curl, uint64_t timeout_ms)
{
  check(curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)FETCH_CONNECT_TIMEOUT_MS));
  check(curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)FETCH_SPEED_MIN));
  check(curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)FETCH_SPEED_MIN_S));
  check(curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms < INT32_MAX ? (long)timeout_ms : INT32_MAX));
  /* What is announced; take_body() looks at what comes. */
  check(curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)BLOCKLIST_SIZE_MAX));
}

static void set_up(struct transfer *transfer)
{
  const struct blocklist_fetch *fetch = transfer->fetch;
  CURL *curl = transfer->curl;

  check(curl_easy_setopt(curl, CURLOPT_URL, fetch->url));
  set_protocols(curl, fetch->url);
  set_authorities(curl);
  set_limits(curl, fetch->timeout_ms);
  add_header(transfer, "If-None-Match", fetch->etag);
  add_header(transfer, "If-Modified-Since", fetch->last_modified);
  check(curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers));
  check(curl_easy_setopt(curl, CURLOPT_USERAGENT, "aiodns/" AIODNS_VERSION));
  check(curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "")); /* all that this libcurl can undo */
  check(curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L));
  check(curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L));
  check(curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->error));
  check(curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body));
  check(curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer));
  check(curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header));
  check(curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer));
  check(curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L));
  check(curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, show_progress));
  check(curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer));
}

/* ---- What came of it ---- */

static enum blocklist_fetched say_status(struct transfer *transfer)
{
  long status = 0, proxy_status = 0;

  (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
  (void)curl_easy_getinfo(transfer->curl, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
  if (status == 0 && proxy_status != 0)
    return fail(transfer, "the proxy answered with status %ld", proxy_status);
  return fail(transfer, "the server answered with status %ld", status);
}

static enum blocklist_fetched say_error(struct transfer *transfer, CURLcode code)
{
  const char *text = transfer->error[0] ? transfer->error : curl_easy_strerror(code);

  if (blocklist_interrupted)
    return fail(transfer, "it was interrupted");
  if (transfer->write_error == EFBIG || code == CURLE_FILESIZE_EXCEEDED)
    return fail(transfer, "it is larger than %d MiB", BLOCKLIST_SIZE_MAX >> 20);
  if (transfer->write_error)
    return fail(transfer, "it cannot be written: %s", strerror(transfer->write_error));
  switch (code) {
  case CURLE_HTTP_RETURNED_ERROR:
    return say_status(transfer);
  case CURLE_PARTIAL_FILE:
    return fail(transfer, "the connection ended before the list did: %s", text);
  case CURLE_OPERATION_TIMEDOUT:
    return fail(transfer, "it took too long: %s", text);
  case CURLE_TOO_MANY_REDIRECTS:
    return fail(transfer, "it was redirected more than %d times", FETCH_REDIRECTS_MAX);
  case CURLE_UNSUPPORTED_PROTOCOL:
    return fail(transfer, "it was redirected to where it may not go: %s", text);
  default:
    return fail(transfer, "%s", text);
  }
}

static bool is_page(const char *type)
{
  static const char *const pages[] = {"text/html", "application/xhtml+xml"};

  for (size_t i = 0; type && i < sizeof pages / sizeof *pages; i++)
    if (strncasecmp(type, pages[i], strlen(pages[i])) == 0)
      return true;
  return false;
}

static enum blocklist_fetched judge(struct transfer *transfer)
{
  const struct blocklist_fetch *fetch = transfer->fetch;
  long status = 0;
  const char *type = NULL;

  (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
  (void)curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_TYPE, &type);
  if (strncmp(fetch->url, "file:", 5) == 0)
    return BLOCKLIST_CAME;
  if (status == FETCH_STATUS_SAME && (fetch->etag || fetch->last_modified))
    return BLOCKLIST_SAME;
  if (status != FETCH_STATUS_GOOD)
    return say_status(transfer);
  if (is_page(type))
    return fail(transfer, "what came is a page for people (%s), and no block list", type);
  return BLOCKLIST_CAME;
}

/* NULL, or why a file: URL is not opened: what is no regular file may have no end, or none to wait for. */
static const char *look_at_file(const char *url)
{
  char *path = blocklist_url_path(url);
  const char *wrong = NULL;
  struct stat file;

  if (path && stat(path, &file) != 0)
    wrong = strerror(errno);
  else if (path && !S_ISREG(file.st_mode))
    wrong = "it is no regular file";
  free(path);
  return wrong;
}

enum blocklist_fetched blocklist_fetch(struct blocklist_fetch *fetch)
{
  struct transfer transfer = {.fetch = fetch};
  enum blocklist_fetched result;

  fetch->new_etag[0] = fetch->new_last_modified[0] = fetch->reason[0] = '\0';
  fetch->is_open_ended = false;
  const char *wrong = look_at_file(fetch->url);
  if (wrong)
    return fail(&transfer, "%s", wrong);
  check(curl_global_init(CURL_GLOBAL_DEFAULT));
  transfer.curl = curl_easy_init();
  if (!transfer.curl)
    command_die("libcurl cannot be used");
  set_up(&transfer);
  blocklist_bar_begin(&transfer.bar, fetch->name);
  CURLcode code = curl_easy_perform(transfer.curl);
  blocklist_bar_end(&transfer.bar);
  result = code == CURLE_OK ? judge(&transfer) : say_error(&transfer, code);
  curl_easy_cleanup(transfer.curl);
  curl_slist_free_all(transfer.headers);
  curl_global_cleanup();
  return result;
}
