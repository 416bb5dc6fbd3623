#ifndef PILOTFISH_CLI_SELFCHECK_REPORT_H_
#define PILOTFISH_CLI_SELFCHECK_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pilotfish/lab/selfcheck.h"
#include "pilotfish/model.h"

namespace pilotfish::cli {

// A model as a certificate names it.
struct CertifiedModel {
  struct File {
    std::string name;
    std::int64_t bytes;
  };
  std::string role;  // "target" or "draft"
  std::string path;
  std::string architecture;
  std::int64_t parameters;
  std::int64_t weight_bytes;
  std::vector<File> files;  // sorted by name
};
CertifiedModel certified_model(std::string role, const Model& model);

// The server through which texts came.
struct CertifiedServer {
  std::string url;
  std::string model;
  std::string fingerprint;
  std::string acceptor;
  std::vector<std::string> drafters;
};

// What was checked, where and when.
struct Certificate {
  std::string version;
  std::string date;       // UTC, ISO 8601
  std::string processor;  // as the kernel calls it
  std::string instruction_set;
  std::vector<int> threads;  // the numbers of them that were compared
  std::vector<CertifiedModel> models;
  std::optional<CertifiedServer> server;  // nullopt: texts were decoded here
  SelfcheckOptions options;
  Selfcheck result;
};
// Adds the date and the processor of this machine.
Certificate make_certificate(const std::vector<SelfcheckPair>& pairs,
                             const SelfcheckOptions& options, Selfcheck result);

// "lossless: 55 claims hold, and the 8 wrong rules were caught; ...", or what
// is wrong, or what was seen where nothing is claimed.
std::string summary(const Selfcheck& result);

// The report for a terminal: one table per kind of check, and the summary.
std::string certificate_text(const Certificate& certificate, bool colours);
// The same and all about models and machine, in Markdown.
std::string certificate_markdown(const Certificate& certificate);
// One object in a line.
std::string certificate_json(const Certificate& certificate);

}  // namespace pilotfish::cli

#endif  // PILOTFISH_CLI_SELFCHECK_REPORT_H_
