//! Rendering of families as lines.

use super::family::{ExposedFamilies, ExposedFamily, FamilySource, SourceSamples};
use super::series::{SeriesOutput, SeriesWriter};
use super::writer::TextWriter;
use super::{ExpositionReport, otel, registry};

/// Writes families, one after another.
#[derive(Debug)]
pub(super) struct FamilyRenderer<'o> {
    output: SeriesOutput<'o>,
    scope_labels: bool,
}

impl<'o> FamilyRenderer<'o> {
    pub(super) fn new(
        writer: TextWriter<'o>,
        report: ExpositionReport,
        scope_labels: bool,
    ) -> FamilyRenderer<'o> {
        FamilyRenderer {
            output: SeriesOutput::new(writer, report),
            scope_labels,
        }
    }

    /// Writes a family, or nothing at all if none of its series can be exposed.
    pub(super) fn render_family(
        &mut self,
        family: &ExposedFamily<'_>,
        families: &ExposedFamilies<'_>,
    ) {
        let start = self.output.writer.position();
        self.output.writer.write_header(family, families);
        let body = self.output.writer.position();
        self.output.begin_family();
        for source in &family.sources {
            self.render_source(family, source);
        }
        // A TYPE line without samples is legal and says nothing; all of its series were left out.
        if self.output.writer.position() == body {
            self.output.writer.rewind(start);
        }
    }

    pub(super) fn finish(self) -> ExpositionReport {
        self.output.writer.finish();
        self.output.report
    }

    fn render_source(&mut self, family: &ExposedFamily<'_>, source: &FamilySource<'_>) {
        let mut series = SeriesWriter {
            output: &mut self.output,
            name: &family.name,
            source,
        };
        match source.samples {
            SourceSamples::Resource(resource) => otel::render_resource(&mut series, resource),
            SourceSamples::Otel(scope, metric, exemplars) => {
                let scope = self.scope_labels.then_some(scope);
                otel::render_metric(&mut series, scope, metric, exemplars);
            }
            SourceSamples::Registry(metrics) => registry::render(&mut series, family.kind, metrics),
        }
    }
}
