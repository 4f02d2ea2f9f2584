package io.espalier.pager;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** In flight recordings: a resident image had to go because of the budget. */
@Name("io.espalier.Eviction")
@Label("Eviction")
@Description("A resident image had to go because the budget was in debt")
@Category({"Espalier", "Pager"})
@StackTrace(false)
final class EvictionEvent extends Event {

    @Label("Size")
    @DataAmount
    long bytes;

    @Label("Depth")
    @Description("How many merges the image's bytes have survived")
    int depth;

    @Label("Copy")
    @Description("Whether it was a copy of its page, so that nothing had to be written")
    boolean copy;

    /** Hands an event to the recordings, if they want it. */
    static void emit(Image image, boolean copy) {
        EvictionEvent event = new EvictionEvent();
        if (event.shouldCommit()) {
            event.bytes = image.chargeBytes();
            event.depth = image.depth();
            event.copy = copy;
            event.commit();
        }
    }
}
