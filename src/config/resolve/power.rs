//! What a backup takes of a host: the host's own words, then the fleet's, then the defaults.

use std::ops::Range;

use crate::config::defaults;
use crate::config::file::Spanned;

use crate::config::file::{Field, PowerTable};
use crate::model::{DiskShare, OnBattery, Power, Rate, Sleep};

use super::fields::Fields;

/// `[power]` of the fleet.
#[derive(Debug)]
pub(super) struct Defaults(Wishes);

/// The values that a table sets, where it sets any.
#[derive(Debug, Clone, Copy, Default)]
struct Wishes {
    nice: Option<u8>,
    disk: Option<DiskShare>,
    cpu_weight: Option<u16>,
    memory_limit: Option<crate::model::MemorySize>,
    upload_limit: Option<Rate>,
    download_limit: Option<Rate>,
    sleep: Option<Sleep>,
    on_battery: Option<OnBattery>,
}

impl Defaults {
    pub(super) fn of(fields: &mut Fields<'_>, table: Option<&Spanned<PowerTable>>) -> Self {
        Self(Wishes::of(fields, table))
    }

    /// What holds for a host.
    pub(super) fn resolve(&self, fields: &mut Fields<'_>, table: Option<&Spanned<PowerTable>>) -> Power {
        let (own, shared) = (Wishes::of(fields, table), self.0);
        Power {
            nice: own.nice.or(shared.nice).unwrap_or(defaults::NICE),
            disk: own.disk.or(shared.disk).unwrap_or(disk(defaults::IDLE_IO)),
            cpu_weight: own.cpu_weight.or(shared.cpu_weight),
            memory_limit: own.memory_limit.or(shared.memory_limit),
            upload_limit: own.upload_limit.or(shared.upload_limit),
            download_limit: own.download_limit.or(shared.download_limit),
            sleep: own.sleep.or(shared.sleep).unwrap_or(sleep(defaults::KEEP_AWAKE)),
            on_battery: own
                .on_battery
                .or(shared.on_battery)
                .unwrap_or(defaults::ON_BATTERY),
        }
    }
}

impl Wishes {
    fn of(fields: &mut Fields<'_>, table: Option<&Spanned<PowerTable>>) -> Self {
        let Some(table) = table else {
            return Self::default();
        };
        let PowerTable {
            nice,
            idle_io,
            cpu_weight,
            memory_limit,
            limit_upload,
            limit_download,
            keep_awake,
            on_battery,
        } = table.get_ref();
        let mut number = |value: &Field<i64>, bounds| {
            value
                .clone()
                .and_then(|value| fields.number(Some(value), bounds, 0))
        };
        let nice = number(nice, 0..=19).and_then(|nice: u16| nice.try_into().ok());
        let cpu_weight = number(cpu_weight, 1..=10_000);
        Self {
            nice,
            disk: idle_io.as_ref().map(|idle| disk(*idle.get_ref())),
            cpu_weight,
            memory_limit: memory_limit.as_ref().map(|limit| *limit.get_ref()),
            upload_limit: limit_upload.as_ref().map(|limit| *limit.get_ref()),
            download_limit: limit_download.as_ref().map(|limit| *limit.get_ref()),
            sleep: keep_awake.as_ref().map(|awake| sleep(*awake.get_ref())),
            on_battery: on_battery.as_ref().map(|wish| *wish.get_ref()),
        }
    }
}

fn disk(idle: bool) -> DiskShare {
    if idle { DiskShare::Idle } else { DiskShare::Usual }
}

fn sleep(keep_awake: bool) -> Sleep {
    if keep_awake {
        Sleep::Inhibited
    } else {
        Sleep::Allowed
    }
}

/// Where a host's table speaks of what concerns a backup alone.
pub(super) fn spans_of_a_backup(table: Option<&Spanned<PowerTable>>) -> [Option<Range<usize>>; 3] {
    let Some(table) = table.map(Spanned::get_ref) else {
        return [const { None }; 3];
    };
    [
        table.on_battery.as_ref().map(Spanned::span),
        table.limit_upload.as_ref().map(Spanned::span),
        table.limit_download.as_ref().map(Spanned::span),
    ]
}
