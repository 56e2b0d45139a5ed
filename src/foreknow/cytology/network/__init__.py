"""A U-Net that finds empty glass in one pass, trained by the priors of the model without labels."""
