#include "fabro/image/unpack/oci.h"

#include <fcntl.h>
#include <sys/utsname.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "fabro/image/unpack/archive.h"
#include "fabro/linux/file.h"

namespace fabro::image {
namespace {

using nlohmann::json;

constexpr ByteSize kMaxDocument = 4_MiB;  // What registries accept for a manifest.
constexpr std::size_t kMaxLayers = 512;
constexpr std::size_t kMaxEnv = 256;
constexpr int kMaxNesting = 4;  // Indexes of indexes.

Error Refused(const std::string& what, std::string fix = {}) {
  if (fix.empty()) fix = "copy the image again: skopeo copy docker://NAME oci:DIR:TAG";
  return Failure(Code::kInvalidArgument, "rootfs: the OCI layout " + what, "rootfs_refused",
                 std::move(fix));
}

const json* Find(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string TextAt(const json& object, const char* name) {
  const json* found = Find(object, name);
  return found != nullptr && found->is_string() ? found->get<std::string>() : "";
}

const json* ListAt(const json& object, const char* name) {
  const json* found = Find(object, name);
  return found != nullptr && found->is_array() ? found : nullptr;
}

Result<json> Parse(const std::string& text, const std::string& name) {
  json parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded() || !parsed.is_object()) return Refused("has a malformed " + name);
  return parsed;
}

Result<Blob> BlobOf(const json& descriptor) {
  constexpr std::string_view kScheme = "sha256:";
  constexpr std::size_t kHexSize = 64;
  const std::string digest = TextAt(descriptor, "digest");
  Blob blob;
  if (digest.starts_with(kScheme)) blob.hex = digest.substr(kScheme.size());
  const bool good = blob.hex.size() == kHexSize && std::ranges::all_of(blob.hex, [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                    });
  if (!good) return Refused("names content by something else than sha256");
  const json* size = Find(descriptor, "size");
  if (size == nullptr || !size->is_number_unsigned()) return Refused("has content without a size");
  blob.size = size->get<std::uint64_t>();
  return blob;
}

// A document of the layout, after its digest.
Result<json> ReadDocument(int dir, const Blob& blob, const std::string& name) {
  const UniqueFd file = TRY_IN("reading " + name, OpenAt(dir, BlobPath(blob.hex), O_RDONLY));
  std::string text;
  HashedFile hashed(file.get());
  for (;;) {
    const std::string_view part = TRY(hashed.Next());
    if (part.empty()) break;
    text += part;
    if (text.size() > kMaxDocument.bytes()) return Refused("has a " + name + " of more than 4 MiB");
  }
  const std::string hex = TRY(hashed.Finish());
  if (hex != blob.hex) return Refused("has a damaged " + name + ": its digest is another");
  return Parse(text, name);
}

std::string Architecture() {
  utsname name{};
  if (::uname(&name) != 0) return "";
  const std::string machine = name.machine;
  if (machine == "x86_64") return "amd64";
  return machine == "aarch64" ? "arm64" : machine;
}

bool IsIndex(const json& descriptor) {
  const std::string type = TextAt(descriptor, "mediaType");
  return type == "application/vnd.oci.image.index.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

Result<json> Tagged(const json& list, const std::string& tag) {
  std::vector<json> found;
  std::string known;
  for (const json& each : list) {
    const json* notes = Find(each, "annotations");
    const std::string name =
        notes == nullptr ? "" : TextAt(*notes, "org.opencontainers.image.ref.name");
    if (tag.empty() || name == tag) found.push_back(each);
    if (known.size() < 200 && !name.empty()) known += (known.empty() ? "" : ", ") + name;
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return Refused("has no image " + (tag.empty() ? "" : "with the tag " + tag),
                   "it has: " + (known.empty() ? "images without a tag" : known));
  }
  return Refused("has more than one image" + (tag.empty() ? "" : " with the tag " + tag),
                 "say which: oci:DIR:TAG with one of " + known);
}

Result<json> OfThisMachine(const json& list) {
  const std::string wanted = Architecture();
  for (const json& each : list) {
    const json* platform = Find(each, "platform");
    if (platform == nullptr) continue;
    if (TextAt(*platform, "os") == "linux" && TextAt(*platform, "architecture") == wanted) {
      return each;
    }
  }
  return Refused("has no image for linux/" + wanted);
}

Result<json> FindManifest(int dir, const std::string& tag) {
  auto text = ReadFileAt(dir, "index.json", kMaxDocument);
  if (!text.ok()) {
    return Refused("has no index.json that can be read (" + text.error().ToString() + ")",
                   "name the directory of an OCI layout: oci:DIR or oci:DIR:TAG");
  }
  const json index = TRY(Parse(*text, "index.json"));
  const json* list = ListAt(index, "manifests");
  if (list == nullptr) return Refused("has an index.json without manifests");
  json descriptor = TRY(Tagged(*list, tag));
  for (int depth = 0; IsIndex(descriptor); ++depth) {
    if (depth == kMaxNesting) return Refused("has an index of an index without an end");
    const Blob blob = TRY(BlobOf(descriptor));
    const json inner = TRY(ReadDocument(dir, blob, "index"));
    const json* manifests = ListAt(inner, "manifests");
    if (manifests == nullptr) return Refused("has an index without manifests");
    descriptor = TRY(OfThisMachine(*manifests));
  }
  return descriptor;
}

std::vector<std::string> EnvOf(const json& config) {
  std::vector<std::string> env;
  const json* inner = Find(config, "config");
  const json* list = inner == nullptr ? nullptr : ListAt(*inner, "Env");
  if (list == nullptr) return env;
  for (const json& each : *list) {
    if (!each.is_string() || env.size() == kMaxEnv) continue;
    std::string text = each.get<std::string>();
    const std::size_t equals = text.find('=');
    const bool plain = std::ranges::none_of(text, [](char c) { return c == '\n' || c == '\0'; });
    if (equals != std::string::npos && equals != 0 && plain) env.push_back(std::move(text));
  }
  return env;
}

}  // namespace

std::string BlobPath(const std::string& hex) { return "blobs/sha256/" + hex; }

Result<OciImage> ReadOciLayout(int dir, const std::string& tag) {
  const json descriptor = TRY(FindManifest(dir, tag));
  const Blob blob = TRY(BlobOf(descriptor));
  const json manifest = TRY(ReadDocument(dir, blob, "manifest"));
  OciImage image;
  image.digest = blob.hex;
  const json* layers = ListAt(manifest, "layers");
  if (layers == nullptr || layers->empty() || layers->size() > kMaxLayers) {
    return Refused("has a manifest with no layers or more than 512");
  }
  for (const json& each : *layers) {
    Blob layer = TRY(BlobOf(each));
    image.layers.push_back(std::move(layer));
  }
  const json* config = Find(manifest, "config");
  if (config == nullptr) return Refused("has a manifest without a config");
  const Blob named = TRY(BlobOf(*config));
  const json document = TRY(ReadDocument(dir, named, "config"));
  image.env = EnvOf(document);
  return image;
}

}  // namespace fabro::image
