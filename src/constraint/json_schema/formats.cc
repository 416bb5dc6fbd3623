#include "constraint/json_schema/formats.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include "constraint/dfa.h"
#include "constraint/regex.h"
#include "pilotfish/error.h"

namespace pilotfish::json_schema {
namespace {

// Regular expressions in RE2's syntax, for whole strings.

// RFC 3339.
std::string date() {
  const std::string leap_year =
      "([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)";
  return "([0-9]{4}-("
         "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|"
         "(0[469]|11)-(0[1-9]|[12][0-9]|30)|"
         "02-(0[1-9]|1[0-9]|2[0-8]))|" +
         leap_year + "-02-29)";
}

std::string time() {
  return "(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?"
         "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])|"
         "23:59:60([.][0-9]+)?([Zz]|[+-]00:00))";
}

std::string date_time() { return date() + "[Tt]" + time(); }

std::string duration() {
  const std::string time =
      "(T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S))";
  const std::string date =
      "([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)";
  return "P([0-9]+W|" + date + time + "?|" + time + ")";
}

// RFC 1123: labels made of some letters, with `between` further characters
// between the first and the last.
std::string host(std::string_view letter, std::string_view between) {
  const std::string label =
      fmt::format("[{0}]([{0}-]{1}[{0}])?", letter, between);
  return fmt::format("({0}([.]{0})*)", label);
}

constexpr std::string_view kAscii = "a-zA-Z0-9";
constexpr std::string_view kBeyondAscii = R"(\x{80}-\x{10FFFF})";

std::string hostname() { return host(kAscii, "{0,61}"); }

std::string ipv4() {
  const std::string byte = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
  return fmt::format("({0}[.]{0}[.]{0}[.]{0})", byte);
}

// RFC 3986's IPv6address.
std::string ipv6() {
  const std::string group = "[0-9A-Fa-f]{1,4}";
  const std::string last = fmt::format("({0}:{0}|{1})", group, ipv4());
  std::string text = fmt::format("(({}:){{6}}{}", group, last);
  for (int behind = 5; behind >= 0; --behind) {
    // At most so many groups stand in front of "::".
    const int front = 5 - behind;
    const std::string before =
        front == 0 ? ""
                   : fmt::format("(({0}:){{0,{1}}}{0})?", group, front - 1);
    text += fmt::format("|{}::({}:){{{}}}{}", before, group, behind, last);
  }
  text += fmt::format("|(({0}:){{0,5}}{0})?::{0}|(({0}:){{0,6}}{0})?::)", group);
  return text;
}

// RFC 5321, with what may stand beside ASCII.
std::string address(std::string_view beside) {
  const std::string atom =
      fmt::format(R"([a-zA-Z0-9!#$%&'*+/=?^_`{{|}}~{}-]+)", beside);
  const std::string quoted = fmt::format(
      R"re("([ !#-\[\]-~{0}]|\\[ -~])*")re", beside);
  return fmt::format(R"(({0}([.]{0})*|{1})@({2}|\[({3}|IPv6:{4})\]))", atom,
                     quoted, host(std::string(kAscii) + std::string(beside), "*"),
                     ipv4(), ipv6());
}

std::string email() { return address(""); }
std::string idn_email() { return address(kBeyondAscii); }

// RFC 3986 and, with what it adds to ASCII, RFC 3987.
struct UriParts {
  explicit UriParts(std::string_view letters, std::string_view in_query) {
    const std::string percent = "%[0-9A-Fa-f]{2}";
    const std::string plain =
        fmt::format("a-zA-Z0-9._~{}!$&'()*+,;=", letters);
    const std::string character = fmt::format("([{}:@-]|{})", plain, percent);
    const std::string segments = fmt::format("(/{}*)*", character);
    const std::string host = fmt::format(
        R"((\[({0}|[vV][0-9A-Fa-f]+[.][a-zA-Z0-9._~!$&'()*+,;=:-]+)\]|([{1}-]|{2})*))",
        ipv6(), plain, percent);
    const std::string authority = fmt::format(
        "//(([{0}:-]|{1})*@)?{2}(:[0-9]*)?", plain, percent, host);
    const std::string rest = fmt::format(
        "([?]([{0}{1}:@/?-]|{2})*)?(#([{0}:@/?-]|{2})*)?", plain, in_query,
        percent);
    const std::string absolute = fmt::format("/({}+{})?", character, segments);
    const std::string no_colon =
        fmt::format("([{}@-]|{})+{}", plain, percent, segments);
    uri = fmt::format("[a-zA-Z][a-zA-Z0-9+.-]*:({}{}|{}|{}+{}|){}", authority,
                      segments, absolute, character, segments, rest);
    reference = fmt::format("({}|({}{}|{}|{}|){})", uri, authority, segments,
                            absolute, no_colon, rest);
  }

  std::string uri;
  std::string reference;
};

UriParts ascii_uri() { return UriParts("", ""); }

UriParts international_uri() {
  std::string letters =
      R"(\x{A0}-\x{D7FF}\x{F900}-\x{FDCF}\x{FDF0}-\x{FFEF})";
  for (int plane = 1; plane <= 14; ++plane) {
    letters += fmt::format(R"(\x{{{0:X}{1}}}-\x{{{0:X}FFFD}})", plane,
                           plane == 14 ? "1000" : "0000");
  }
  return UriParts(letters,
                  R"(\x{E000}-\x{F8FF}\x{F0000}-\x{FFFFD}\x{100000}-\x{10FFFD})");
}

std::string uri() { return ascii_uri().uri; }
std::string uri_reference() { return ascii_uri().reference; }
std::string iri() { return international_uri().uri; }
std::string iri_reference() { return international_uri().reference; }

// RFC 6570.
std::string uri_template() {
  const std::string name = "([a-zA-Z0-9_]|%[0-9A-Fa-f]{2})";
  const std::string variable = fmt::format(
      "({0}+([.]{0}+)*(:[1-9][0-9]{{0,3}}|[*])?)", name);
  return fmt::format(
      R"(([!#-$&(-;=?-\[\]_a-z~{0}]|%[0-9A-Fa-f]{{2}}|)"
      R"(\{{[+#./;?&=,!@|]?{1}(,{1})*\}})*)",
      R"(\x{A0}-\x{10FFFF})", variable);
}

std::string uuid() {
  return "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";
}

// RFC 6901.
std::string json_pointer() {
  return R"((/([^/~]|~[01])*)*)";
}

std::string relative_json_pointer() {
  return "(0|[1-9][0-9]*)(#|" + json_pointer() + ")";
}

struct Format {
  std::string_view name;
  std::string (*pattern)();  // null: no regular expression says what it is
};

constexpr std::array<Format, 19> kFormats = {{
    {"date", date},
    {"time", time},
    {"date-time", date_time},
    {"duration", duration},
    {"email", email},
    {"idn-email", idn_email},
    {"hostname", hostname},
    {"idn-hostname", nullptr},
    {"ipv4", ipv4},
    {"ipv6", ipv6},
    {"uri", uri},
    {"uri-reference", uri_reference},
    {"iri", iri},
    {"iri-reference", iri_reference},
    {"uri-template", uri_template},
    {"uuid", uuid},
    {"json-pointer", json_pointer},
    {"relative-json-pointer", relative_json_pointer},
    {"regex", nullptr},
}};

StringSet strings_of(const Format& format) {
  if (format.pattern == nullptr) {
    throw UsageError(fmt::format(
        "cannot be enforced; no finite automaton knows the format {}",
        format.name));
  }
  Grammar grammar;
  return StringSet::matching(
      Dfa::of(grammar, regex_to_grammar(grammar, format.pattern())));
}

}  // namespace

std::optional<StringSet> strings_of_format(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string_view, StringSet> known;
  for (const Format& format : kFormats) {
    if (format.name != name) continue;
    const std::lock_guard lock(mutex);
    const auto found = known.find(format.name);
    if (found != known.end()) return found->second;
    return known.emplace(format.name, strings_of(format)).first->second;
  }
  return std::nullopt;
}

}  // namespace pilotfish::json_schema
