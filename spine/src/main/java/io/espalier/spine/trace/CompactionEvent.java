package io.espalier.spine.trace;

import io.espalier.spine.PartRef;
import java.util.List;
import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** In flight recordings: batch files became one, from the first step to the last sync. */
@Name("io.espalier.Compaction")
@Label("Compaction")
@Description("Durable runs of a trace were merged into one")
@Category({"Espalier", "Spine"})
@StackTrace(false)
final class CompactionEvent extends Event {

    @Label("Runs")
    int runs;

    @Label("Input Size")
    @DataAmount
    long bytesIn;

    @Label("Output Size")
    @DataAmount
    long bytesOut;

    @Label("Output Updates")
    long updatesOut;

    /** Ends the event and hands it to the recordings, if they want it. */
    void commit(int runs, long bytesIn, List<PartRef> output) {
        end();
        if (shouldCommit()) {
            this.runs = runs;
            this.bytesIn = bytesIn;
            bytesOut = output.stream().mapToLong(PartRef::sizeBytes).sum();
            updatesOut = output.stream().mapToLong(PartRef::updateCount).sum();
            commit();
        }
    }
}
