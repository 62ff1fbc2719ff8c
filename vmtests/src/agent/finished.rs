//! The line by which the guest reports the end of a command and how it sends the output.

use std::io::Read;

use anyhow::{Context, bail, ensure};
use flate2::read::GzDecoder;

use super::MARK;

/// `finished TOKEN STATUS plain|squeezed OUTPUT ERRORS`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) status: i32,
    pub(super) squeezed: bool,
    pub(super) output: usize,
    pub(super) errors: usize,
}

impl Finished {
    pub(super) fn parse(line: &str, token: &str) -> anyhow::Result<Self> {
        let words = line.split(' ').collect::<Vec<_>>();
        let [MARK, "finished", found, status, packing, output, errors] = words.as_slice() else {
            bail!("an answer that was not asked for: `{line}`");
        };
        ensure!(
            *found == token,
            "the answer to request {found}, not {token}: `{line}`"
        );
        let squeezed = match *packing {
            "plain" => false,
            "squeezed" => true,
            other => bail!("unknown packing `{other}`"),
        };
        Ok(Self {
            status: status.parse()?,
            squeezed,
            output: output.parse()?,
            errors: errors.parse()?,
        })
    }
}

pub(super) fn unsqueeze(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes)
        .read_to_end(&mut plain)
        .context("the squeezed output is damaged")?;
    Ok(plain)
}
