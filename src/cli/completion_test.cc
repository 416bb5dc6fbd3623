#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/man_page.h"

namespace pilotfish::cli {
namespace {

using testing::HasSubstr;

// A program whose texts have every character that shells and roff treat apart.
ProgramDescription awkward() {
  return {.name = "pilotfish",
          .summary = "Tries",
          .version = "1.2",
          .flags = {{.names = {"--version"}, .help = "The version"}},
          .commands = {{.name = "try",
                        .summary = "The user's [try]: 1",
                        .flags = {{.names = {"-k", "--kind"},
                                   .value = "TYPE",
                                   .choices = {"one", "two"},
                                   .help = "The model's kind: \\n, [x]",
                                   .heading = "Kinds"},
                                  {.names = {"--text"},
                                   .value = "A:B",
                                   .help = ".5 is a text (-1: none)",
                                   .heading = "Kinds"},
                                  {.names = {"--more"},
                                   .help = "With --text: adds (or not)",
                                   .heading = "Kinds"},
                                  {.names = {"file"},
                                   .help = "A file",
                                   .heading = "Places"}}}}};
}

TEST(Completion, BashKnowsWhatAFlagTakes) {
  const std::string script = bash_completion(awkward());
  EXPECT_THAT(script, HasSubstr("'try --version'"));
  EXPECT_THAT(script, HasSubstr("flags='-k --kind --text --more'"));
  EXPECT_THAT(script, HasSubstr("-k|--kind) kind=words words='one two' ;;"));
  EXPECT_THAT(script, HasSubstr("--text) kind=text ;;"));
}

TEST(Completion, ZshTextsAreQuoted) {
  const std::string script = zsh_completion(awkward());
  EXPECT_THAT(script, HasSubstr(R"('try:The user'\''s [try]\: 1')"));
  EXPECT_THAT(
      script,
      HasSubstr(
          R"('(-k --kind)'{-k,--kind}'[The model'\''s kind]:TYPE:(one two)')"));
  EXPECT_THAT(script, HasSubstr(R"(--text'[.5 is a text]:A\:B: ')"));
  EXPECT_THAT(script, HasSubstr("--more'[adds]'"));
  EXPECT_THAT(script, HasSubstr("'*:file:_files'"));
}

TEST(Completion, FishTextsAreQuoted) {
  const std::string script = fish_completion(awkward());
  EXPECT_THAT(script,
              HasSubstr("-n '__fish_seen_subcommand_from try' -s k -l kind -x "
                        R"(-a 'one two' -d 'The model\'s kind')"));
  EXPECT_THAT(script, HasSubstr(R"(-a try -d 'The user\'s [try]: 1')"));
}

TEST(ManPage, RoffPrintsTextsAsTheyAre) {
  const ProgramDescription program = awkward();
  const std::string page =
      man_page(program, program.commands.front(), "2026-01-02");
  EXPECT_THAT(page, HasSubstr(".TH \"PILOTFISH\\-TRY\" \"1\" \"2026-01-02\""));
  EXPECT_THAT(page,
              HasSubstr(".SS Kinds\n.TP\n\\fB\\-k\\fR, \\fB\\-\\-kind\\fR "
                        "\\fITYPE\\fR\nThe model's kind: \\en, [x]\n"));
  EXPECT_THAT(page, HasSubstr("\n\\&.5 is a text (\\-1: none)\n"));
  EXPECT_THAT(page, HasSubstr(" [\\fIfile\\fR]\n"));
}

TEST(ManPage, TheProgramsPageNamesTheCommands) {
  EXPECT_THAT(man_page(awkward(), "2026-01-02"),
              HasSubstr("\\fBpilotfish\\-try\\fR(1)\nThe user's [try]: 1\n"));
}

}  // namespace
}  // namespace pilotfish::cli
