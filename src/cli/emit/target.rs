//! The trees that are written, and their content.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{Arguments, Format, load};
use crate::apply::Place;
use crate::emit::plan::HostPlan;
use crate::emit::{Artifact, emit, nix_module};
use crate::error::fail;
use crate::model::{Fleet, HostName};

/// A tree that is written, and its content.
pub(super) struct Target<'f> {
    pub(super) place: Place,
    content: Content<'f>,
}

enum Content<'f> {
    /// Nothing, for a host that is not in the fleet.
    Nothing,
    Host(&'f Fleet, &'f HostName),
    NixModules(&'f Fleet),
}

impl Target<'_> {
    /// The files. They are made on demand and not kept, because a fleet may have many hosts.
    pub(super) fn artifacts(&self) -> Result<Vec<Artifact>> {
        let plan = |fleet, host| {
            HostPlan::of(fleet, host).context("the fleet lacks its own host: this is a bug in genbackup")
        };
        match self.content {
            Content::Nothing => Ok(Vec::new()),
            Content::Host(fleet, host) => Ok(emit(&plan(fleet, host)?)?),
            Content::NixModules(fleet) => fleet
                .host_names()
                .map(|host| Ok(nix_module(&plan(fleet, host)?)?))
                .collect(),
        }
    }
}

/// The tree of a host that left the fleet. It needs no fleet file, because such a host may have none.
pub(super) fn departing(arguments: &Arguments) -> Result<Target<'static>> {
    let place = place(arguments);
    if !place.has_manifest() {
        fail!(
            what(
                "nothing to remove: genbackup wrote nothing below {}, or its manifest is missing",
                place.root.display()
            ),
            hint("name another directory with `--root DIR`")
        );
    }
    Ok(Target {
        place,
        content: Content::Nothing,
    })
}

pub(super) fn targets<'f>(fleet: &'f Fleet, arguments: &Arguments) -> Result<Vec<Target<'f>>> {
    let place = place(arguments);
    if arguments.format == Format::Nix {
        let content = Content::NixModules(fleet);
        return Ok(vec![Target { place, content }]);
    }
    if !arguments.all {
        let host = load::host(fleet, arguments.host.as_deref())?;
        return Ok(vec![of_host(fleet, host, arguments)]);
    }
    let tree = |root: PathBuf, content| Target {
        place: place.at(root),
        content,
    };
    let staying = fleet
        .host_names()
        .map(|host| tree(place.root.join(host.as_str()), Content::Host(fleet, host)));
    let departed = departed(fleet, &place)?
        .into_iter()
        .map(|root| tree(root, Content::Nothing));
    Ok(staying.chain(departed).collect())
}

/// The tree of one host.
pub(super) fn of_host<'f>(fleet: &'f Fleet, host: &'f HostName, arguments: &Arguments) -> Target<'f> {
    Target {
        place: place(arguments),
        content: Content::Host(fleet, host),
    }
}

fn place(arguments: &Arguments) -> Place {
    if arguments.format == Format::Nix {
        return Place::directory(arguments.units());
    }
    Place::below(arguments.root()).with_units(arguments.units())
}

/// Trees of hosts that left the fleet: directories below the root with our manifest. Links are skipped, because they
/// may lead to a system in use.
fn departed(fleet: &Fleet, place: &Place) -> Result<Vec<PathBuf>> {
    let root: &Path = &place.root;
    let entries = match std::fs::read_dir(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("cannot read the directory {}", root.display()))?,
    };
    let hosts: HashSet<&OsStr> = fleet.host_names().map(|host| OsStr::new(host.as_str())).collect();
    let mut trees = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read the directory {}", root.display()))?;
        let is_host = hosts.contains(entry.file_name().as_os_str());
        let tree = place.at(entry.path());
        if !is_host && entry.file_type()?.is_dir() && tree.has_manifest() {
            trees.push(tree.root);
        }
    }
    trees.sort();
    Ok(trees)
}
