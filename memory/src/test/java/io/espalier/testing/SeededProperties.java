package io.espalier.testing;

import java.util.Optional;
import net.jqwik.api.lifecycle.AroundPropertyHook;
import net.jqwik.api.lifecycle.PropagationMode;
import net.jqwik.api.lifecycle.PropertyExecutionResult;
import net.jqwik.api.lifecycle.PropertyExecutor;
import net.jqwik.api.lifecycle.PropertyLifecycleContext;

/**
 * Gives every jqwik property without a seed of its own the {@link Seed} of the run; registered as a
 * service.
 */
public final class SeededProperties implements AroundPropertyHook {
    @Override
    public PropertyExecutionResult aroundProperty(
            PropertyLifecycleContext context, PropertyExecutor property) {
        Optional<String> own = context.attributes().seed();
        if (own.isEmpty()) context.attributes().setSeed(Long.toString(Seed.value()));
        return property.execute();
    }

    @Override
    public PropagationMode propagateTo() {
        return PropagationMode.ALL_DESCENDANTS;
    }

    /** Outermost, so that the seed is set before anything draws from it. */
    @Override
    public int aroundPropertyProximity() {
        return -1000;
    }
}
