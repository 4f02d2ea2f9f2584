package io.espalier.columnar;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** In flight recordings: runs became one, from the first step to the last image handed over. */
@Name("io.espalier.Merge")
@Label("Merge")
@Description("Runs of updates were merged into one, or parted by time on the way")
@Category({"Espalier", "Columnar"})
@StackTrace(false)
final class MergeEvent extends Event {

    @Label("Runs")
    int runs;

    @Label("Depth")
    @Description("How many merges the result's bytes have survived")
    int depth;

    @Label("Input Size")
    @DataAmount
    long bytesIn;

    @Label("Input Updates")
    long updatesIn;

    @Label("Output Size")
    @Description("Chunks that were handed over whole included")
    @DataAmount
    long bytesOut;

    @Label("Output Updates")
    long updatesOut;

    /** Ends the event and hands it to the recordings, if they want it. */
    void commit(
            int runs,
            int depth,
            long bytesIn,
            long updatesIn,
            DeferringSink shipped,
            DeferringSink kept) {
        end();
        if (shouldCommit()) {
            this.runs = runs;
            this.depth = depth;
            this.bytesIn = bytesIn;
            this.updatesIn = updatesIn;
            bytesOut = shipped.sizeBytes() + kept.sizeBytes();
            updatesOut = shipped.updateCount() + kept.updateCount();
            commit();
        }
    }
}
