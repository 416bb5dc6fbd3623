#include "cli/page/frame.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

#include "cli/page/assets.h"

namespace pilotfish::cli {

namespace {

std::string made_by() {
  return fmt::format("Made by pilotfish {} on {:%Y-%m-%d %H:%M}.",
                     PILOTFISH_VERSION, fmt::localtime(std::time(nullptr)));
}

}  // namespace

std::string page(std::string_view title, const Markup& summary,
                 const Markup& content) {
  Markup head;
  head += element("meta", {{"charset", "utf-8"}});
  head += element("meta", {{"name", "viewport"},
                           {"content", "width=device-width, initial-scale=1"}});
  head +=
      element("meta", {{"name", "color-scheme"}, {"content", "light dark"}});
  head += element("meta",
                  {{"http-equiv", "Content-Security-Policy"},
                   {"content",
                    "default-src 'none'; style-src 'unsafe-inline'; script-src "
                    "'unsafe-inline'; base-uri 'none'; form-action 'none'"}});
  head += element("title", {}, title);
  head += element("style", {}, trusted(kPageStyle));
  Markup body = element("header", {}, element("h1", {}, title) + summary);
  body += element("main", {}, content);
  body += element("footer", {}, element("p", {}, made_by()));
  body += element("script", {}, trusted(kPageScript));
  return "<!DOCTYPE html>\n" +
         element("html", {{"lang", "en"}},
                 element("head", {}, head) + element("body", {}, body))
             .source() +
         "\n";
}

Markup fact_list(const Facts& facts) {
  Markup list;
  for (const auto& [name, value] : facts) {
    list +=
        element("div", {}, element("dt", {}, name) + element("dd", {}, value));
  }
  return element("dl", {{"class", "facts"}}, list);
}

Markup headline_figures(const Facts& facts) {
  Markup list;
  for (const auto& [name, value] : facts) {
    list +=
        element("div", {}, element("dt", {}, name) + element("dd", {}, value));
  }
  return element("dl", {{"class", "headline"}}, list);
}

Markup section(const std::string& id, std::string_view heading,
               const Markup& content) {
  return element("section", {{"id", id}, {"aria-labelledby", id + "-h"}},
                 element("h2", {{"id", id + "-h"}}, heading) + content);
}

Markup command_block(std::string_view command) {
  return element(
      "div", {{"class", "command"}},
      element("pre", {{"tabindex", "0"}}, element("code", {}, command)) +
          // The script shows it where the browser can copy.
          element("button", {{"type", "button"}, {"hidden", ""}}, "Copy"));
}

}  // namespace pilotfish::cli
