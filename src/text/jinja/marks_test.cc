#include "text/jinja/marks.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "pilotfish/error.h"
#include "test_data.h"
#include "text/jinja/json.h"
#include "text/jinja/template.h"

namespace pilotfish::jinja {
namespace {

using Ranges = std::vector<TextRange>;

TEST(Marks, KeepTheirOrderAndJoinNeighbours) {
  Marks marks;
  marks.add(1, 3);
  marks.add(3, 4);
  marks.add(5, 5);
  marks.add(6, 8);
  EXPECT_EQ(marks.ranges(), (Ranges{{1, 4}, {6, 8}}));
  Marks part;
  part.add(0, 1);
  part.add_part(marks, 3, 7, 10);
  EXPECT_EQ(part.ranges(), (Ranges{{0, 1}, {10, 11}, {13, 14}}));
  MarkCursor cursor(marks);
  EXPECT_FALSE(cursor.touches(0, 1));
  EXPECT_TRUE(cursor.touches(0, 2));
  EXPECT_FALSE(cursor.touches(4, 6));
  EXPECT_TRUE(cursor.touches(7, 9));
  EXPECT_FALSE(cursor.touches(8, 9));
}

// The output with brackets around what is marked.
std::string shown(const std::string& source, const std::string& variables) {
  const String output =
      Template(source).render(*read_json(variables, "variables").dict());
  std::string shown = output.text;
  const Ranges& ranges = output.marks.ranges();
  for (size_t i = ranges.size(); i-- > 0;) {
    shown.insert(ranges[i].end, "]");
    shown.insert(ranges[i].begin, "[");
  }
  return shown;
}

// What templates do with texts, one case for each thing.
TEST(Marks, FollowTextsThroughEveryOperation) {
  const std::string variables =
      R"({"s": "a b", "p": " x ", "l": ["u", "v"], "n": 7, "h": "<&",
          "o": {"k": "v\n"}, "m": "q\nr"})";
  const std::pair<const char*, const char*> cases[] = {
      {"<{{ s }}>", "<[a b]>"},
      {"{{ 'a' }}{{ n }}{{ none }}", "a7None"},
      {"{{ '<' + s + '>' }}", "<[a b]>"},
      {"{{ '<' ~ s ~ n ~ '>' }}", "<[a b]7>"},
      {"{{ s[0] }}{{ s[1:] }}{{ ('<' + s)[::-1] }}", "[a bb a]<"},
      {"{{ ('é' + s)[1] }}{{ ('é' + s)[:2] }}", "[a]é[a]"},
      {"{{ ('-' + s) * 2 }}", "-[a b]-[a b]"},
      {"{{ ('< ' + p + ' >')|trim }}|{{ p|trim }}", "< [ x ] >|[x]"},
      {"{{ (p + ' >').strip() }}{{ (p + '\n').rstrip() }}", "[x ] >[ x]"},
      {"{{ s|replace('a', 'z') }}|{{ 'a-a'|replace('-', s) }}",
       "z[ b]|a[a b]a"},
      {"{{ s.replace('', '.') }}", ".[a].[ ].[b]."},
      {"{{ ('<' + s).split(' ') }}", "['<[a]', '[b]']"},
      {"{{ ('x ' + s).split()|join('-') }}", "x-[a]-[b]"},
      {"{{ ('x ' + s).rsplit(' ', 1)|last }}", "[b]"},
      {"{{ (s + ':' + s).partition(':')|join('|') }}", "[a b]|:|[a b]"},
      {"{{ (m + '\nz').splitlines()|join(' ') }}", "[q] [r] z"},
      {"{{ l|join(', ') }}{{ ', '.join(l) }}{{ 'a'|join }}", "[u], [vu], [v]a"},
      {"{{ ['x', 'y']|join(s) }}", "x[a b]y"},
      {"{{ s|list|join('-') }}", "[a]-[ ]-[b]"},
      {"{% for c in s %}{{ c }}.{% endfor %}", "[a].[ ].[b]."},
      {"{{ s|reverse }}{{ l|reverse|list }}", "[b a]['[v]', '[u]']"},
      {"{{ s|upper }}{{ s.title() }}{{ s|capitalize }}", "[A BA BA b]"},
      {"{{ ('x' + s)|upper }}", "[XA B]"},
      {"{{ s|center(5) }}|{{ s.ljust(4, '.') }}{{ s.rjust(4) }}",
       " [a b] |[a b]. [a b]"},
      {"{{ s.center(5, '*') }}{{ s.zfill(4) }}", "*[a b]*0[a b]"},
      {"{{ m|indent(2) }}|{{ m|indent('> ', true) }}",
       "[q]\n  [r]|> [q]\n> [r]"},
      {"{{ '%s and %5s'|format(s, s) }}", "[a b] and   [a b]"},
      {"{{ '%(x)s-%-5s.'|replace('%-5s', '')|format(x=s) }}", "[a b]-."},
      {"{{ '%.1s|%d|%r' % (s, n, s) }}", "[a]|7|'[a b]'"},
      {"{{ (s + ' %s') % 'x' }}", "[a b] x"},
      {"{{ (s ~ '%%|%s') % n }}{{ (s ~ '%%') % () }}", "[a b]%|7[a b]%"},
      {"{{ h|e }}{{ '<'|e + h }}", "[&lt;&amp;]&lt;[&lt;&amp;]"},
      {"{{ h|safe }}{{ '<'|safe + h }}", "[<&]<[&lt;&amp;]"},
      {"{{ o|tojson }}", R"({"[k]": "[v\n]"})"},
      {"{{ ['t', s, n, true]|tojson(indent=1) }}",
       "[\n \"t\",\n \"[a b]\",\n 7,\n true\n]"},
      {"{{ {'é': h}|tojson(ensure_ascii=true) }}", R"({"\u00e9": "[<&]"})"},
      {"{{ o }}{{ [s] }}", R"({'[k]': '[v\n]'}['[a b]'])"},
      {"{{ o|string }}{{ o.items()|list }}",
       R"({'[k]': '[v\n]'}[('[k]', '[v\n]')])"},
      {"{% for k, v in o|items %}{{ k }}={{ v|trim }}{% endfor %}", "[k]=[v]"},
      {"{{ l|map('upper')|join }}{{ l|sort|first }}{{ l|max }}", "[UVuv]"},
      {"{% set x %}<{{ s }}>{% endset %}{{ x }}{{ x[1:] }}", "<[a b]>[a b]>"},
      {"{% set x | upper %}<{{ s }}>{% endset %}{{ x }}", "[<A B>]"},
      {"{% filter trim %} {{ p }}< {% endfilter %}", "[x ]<"},
      {"{% macro f(x) %}({{ x }}){% endmacro %}{{ f(s) }}", "([a b])"},
      {"{% macro f() %}({{ caller() }}){% endmacro %}"
       "{% call f() %}-{{ s }}{% endcall %}",
       "(-[a b])"},
      {"{% set ns = namespace(t='<') %}{% for x in l %}"
       "{% set ns.t = ns.t ~ x ~ ',' %}{% endfor %}{{ ns.t }}",
       "<[u],[v],"},
      {"{% generation %}<{{ s }}{% endgeneration %}", "<[a b]"},
      {"{{ x|default(s) }}{{ s|default('x') }}{{ ''|default(s, true) }}",
       "[a ba ba b]"},
      {"{{ (s + 'x').removesuffix('x') }}{{ s.removeprefix('a') }}", "[a b b]"},
      {"{{ strftime_now(s) }}", "[a b]"},
      {"{{ s if s == 'a b' else 'no' }}{{ 'yes' if 'a' in s }}", "[a b]yes"},
  };
  for (const auto& [source, expected] : cases) {
    EXPECT_EQ(shown(source, variables), expected) << source;
  }
}

// Variables of Greek letters alone, templates without any: whatever a template
// of the suite does, each letter in its output is marked.
TEST(Marks, NothingOfAVariableIsLostInAnyTemplateOfTheSuite) {
  auto suite = nlohmann::ordered_json::parse(test::read_file(
      test::source_dir() / "src/text/jinja/testdata/cases.json"));
  suite["variables"]["s"] = "αβγ ΔΕΖ";
  suite["variables"]["u"] = "αβγδ";
  suite["variables"]["html"] = "<α>&\"β\"";
  suite["variables"]["d"]["z"]["k"] = "γ'δ";
  suite["variables"]["users"][0]["name"] = "λμ";
  suite["variables"]["users"][1]["name"] = "Κν";
  const Value variables = read_json(suite["variables"].dump(), "variables");
  size_t letters = 0;
  for (const auto& test : suite["cases"]) {
    const auto source = test["template"].get<std::string>();
    if (source.find_first_of("\xCE\xCF") != source.npos) continue;
    String output;
    try {
      output = Template(source).render(*variables.dict());
    } catch (const Error&) {
      continue;
    }
    MarkCursor marks(output.marks);
    for (size_t i = 0; i + 1 < output.text.size(); ++i) {
      const auto lead = static_cast<unsigned char>(output.text[i]);
      if (lead != 0xCE && lead != 0xCF) continue;
      ++letters;
      EXPECT_TRUE(marks.touches(i, i + 2)) << source << " at byte " << i;
    }
  }
  EXPECT_GT(letters, 200u);
}

}  // namespace
}  // namespace pilotfish::jinja
