#include "web/server_asset.h"

namespace pilotfish::web {

// A dozen or two: a walk is as good as a map.
const ServerAsset* server_asset(std::string_view path) {
  for (const ServerAsset& asset : server_assets()) {
    if (asset.path == path) return &asset;
  }
  return nullptr;
}

}  // namespace pilotfish::web
