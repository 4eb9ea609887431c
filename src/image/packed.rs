//! Image configs that take little room: of thousands of images most bytes are history, environment and labels.

use super::{ImageConfig, Platform};
use crate::packed::Packed;

/// A config, compressed but for what is asked of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedConfig {
    platform: Option<Platform>,
    os_version: Option<String>,
    rest: Packed,
}

impl From<ImageConfig> for PackedConfig {
    fn from(mut config: ImageConfig) -> Self {
        let (platform, os_version) = (config.platform.take(), config.os_version.take());
        // A config is nothing but texts, which can always become JSON.
        let rest = Packed::of(&serde_json::to_vec(&config).unwrap_or_default());
        Self { platform, os_version, rest }
    }
}

impl PackedConfig {
    /// See [`ImageConfig::platform`].
    pub fn platform(&self) -> Option<&Platform> {
        self.platform.as_ref()
    }

    /// See [`ImageConfig::os_version`].
    pub fn os_version(&self) -> Option<&str> {
        self.os_version.as_deref()
    }

    /// All of it.
    pub fn unpack(&self) -> ImageConfig {
        let config: ImageConfig = serde_json::from_slice(&self.rest.bytes()).unwrap_or_default();
        ImageConfig { platform: self.platform.clone(), os_version: self.os_version.clone(), ..config }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::image::Digest;

    #[test]
    fn a_config_comes_out_as_it_went_in_and_smaller() {
        let step = |n: u32| json!({"created": "2026-01-02T03:04:05Z", "created_by": format!("RUN make part-{n}")});
        let json = json!({
            "os": "windows", "architecture": "amd64", "os.version": "10.0.20348.1",
            "config": {"Env": ["PATH=/bin", "A=\u{1f980}"], "Labels": {"a": "b"}, "Healthcheck": {"Test": ["NONE"]}},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"layer").to_string(), "none"]},
            "history": (0..20).map(step).collect::<Vec<_>>(),
        });
        let config = ImageConfig::parse(json.to_string().as_bytes()).unwrap();
        let packed = PackedConfig::from(config.clone());
        assert_eq!((packed.platform(), packed.os_version()), (config.platform.as_ref(), config.os_version.as_deref()));
        assert!(packed.rest.packed_len() * 3 < json.to_string().len(), "{}", packed.rest.packed_len());
        assert_eq!(packed.unpack(), config);
    }
}
